-- What a driver plays beside plain tasks: global tables, and windows that close when nothing comes.
local S, T = require "tidemill", require "tidemill.test"
local app = S.app "driven"
local pages = app:global_table("pages", { name = "pages", value = "json" })
app:stream("views", { value = "json" })
  :left_join(pages, { name = "of-page", on = "$.page" }, function(view, page)
    return { page = view.page, title = page and page.title }
  end)
  :to "titled"
app:stream("views", { value = "json" }):group_by "$.page"
  :window(S.tumbling("1m", { idle = "30s" })):count { name = "per-minute" }
  :emit "final":to "counts"

local function titles(d)
  local found = {}
  for i, r in ipairs(d:take "titled") do
    found[i] = r.value.title or "none"
  end
  return table.concat(found, " ")
end

T.test("a global table is there before the records that ask it", function(d)
  d:send("pages", { key = "a", value = { title = "A" } })
  d:send("views", { value = { page = "a" }, ts = 1 })
  d:send("views", { value = { page = "b" }, ts = 1 })
  d:send("pages", { key = "b", value = { title = "B" } })
  d:send("views", { value = { page = "b" }, ts = 1 })
  T.equal(titles(d), "A none B")
  T.equal(d:store("pages"):get("b").title, "B")
  T.equal(d:store("pages"):size(), 2)
end)

T.test("it is read anew by each process", { commits = "explicit", partitions = 3 }, function(d)
  d:send("pages", { key = "a", value = { title = "A" } })
  d:send("pages", { value = { title = "lost" } }) -- without a key; left out
  d:crash()
  d:send("views", { value = { page = "a" }, ts = 1 })
  d:send("pages", { key = "a", value = S.null })
  d:restart()
  d:send("views", { value = { page = "a" }, ts = 1 })
  d:commit()
  T.equal(titles(d), "A none")
end)

T.test("windows close when nothing comes", function(d)
  d:send("views", { value = { page = "a" }, ts = 1000 })
  d:advance "29s"
  d:send("views", { value = { page = "a" }, ts = 2000 })
  d:advance "29s"
  T.equal(#d:take "counts", 0)
  d:advance "1s"
  T.equal(d:take_one("counts").value, 2)
  d:advance "1h"
  d:send("views", { value = { page = "a" }, ts = 3000 })
  T.equal(#d:take "driven-late", 1)
  d:crash()
  d:send("views", { value = { page = "a" }, ts = 61000 })
  d:restart()
  d:advance "30s"
  T.equal(d:take_one("counts").value, 1)
end)

return app
