-- Counts words; its tests lie beside it:
--
--     tidemill test examples/testing/words.lua
local S = require "tidemill"
local T = require "tidemill.test"

local app = S.app "words"
app:errors { policy = "dlq", topic = "words.dead" }
app:stream("lines", { value = "text" }):process {
  name = "count",
  stores = { words = S.kv {} },
  process = function(r, ctx)
    if r.value == "" then
      error "an empty line"
    end
    for word in r.value:gmatch "%a+" do
      ctx:emit("counts", { key = word, value = { n = ctx.words:add(word, 1) } })
    end
  end,
  every = { ["1m"] = function(_, ctx) ctx:emit("sizes", { value = ctx.words:count() }) end },
}

T.test("words are counted", function(d)
  d:send("lines", { value = "a b a" })
  local counts = d:take "counts"
  T.equal(#counts, 3)
  T.equal(counts[3].key, "a")
  T.equal(counts[3].value, { n = 2 })
  T.equal(d:store("words"):get("a"), 2)
end)

T.test("an empty line is refused, with its place", function(d)
  d:send("lines", { key = "k", value = "", headers = { from = "test" } })
  T.equal(d:take "counts", {})
  local letter = d:take_one "words.dead"
  T.equal(letter.headers["__streams.errors.message"], "an empty line")
  T.equal(letter.headers["tidemill.errors.line"], "14")
  T.equal(letter.headers.from, "test")
end)

T.test("a size every minute", function(d)
  d:send("lines", { value = "a b" })
  d:advance "3m"
  T.equal(#d:take "sizes", 3)
end)

T.test("a restart and a rebalance forget nothing", { partitions = 2 }, function(d)
  d:send("lines", { key = "x", value = "a" })
  d:restart()
  d:rebalance()
  d:send("lines", { key = "x", value = "a" })
  T.equal(d:take("counts")[2].value.n, 2)
  T.equal(d:store("words"):size(), 1)
end)

T.test("a crash counts nothing twice", { commits = "explicit" }, function(d)
  d:send("lines", { value = "a" })
  d:commit()
  d:send("lines", { value = "a" })
  T.equal(#d:take "counts", 1)
  d:crash()
  d:commit()
  T.equal(d:take_one("counts").value, { n = 2 })
end)

return app
