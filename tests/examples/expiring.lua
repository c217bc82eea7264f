-- A store with a ttl: what was not written for so long, by the records' time, is not there.
local S, T = require "tidemill", require "tidemill.test"
local app = S.app "expiring"
app:stream("visits"):process {
  name = "last",
  stores = { last = S.kv { ttl = "1m" } },
  process = function(r, ctx)
    if r.value == "fail" then
      ctx.last[r.key] = "lost"
      error "no"
    end
    local before, count = ctx.last[r.key], 0
    ctx.last:put(r.key, r.value)
    for _ in ctx.last:pairs() do
      count = count + 1
    end
    T.equal(ctx.last:count(), count)
    return { key = r.key, value = { before = before, count = count } }
  end,
}:to "seen"

local function visit(d, key, seconds, before, count)
  d:send("visits", { key = key, value = "at " .. seconds, ts = seconds * 1000 })
  T.equal(d:take_one("seen").value, { before = before, count = count })
end

T.test("what went by is not there", function(d)
  visit(d, "a", 0, nil, 1)
  visit(d, "b", 30, nil, 2)
  visit(d, "a", 59, "at 0", 2)
  visit(d, "c", 90, nil, 2) -- b is gone
  visit(d, "a", 118, "at 59", 2)
  T.equal(d:store("last"):get("b"), nil)
  T.equal(d:store("last"):get("c"), "at 90")
  T.equal(d:store("last"):size(), 2)
end)

T.test("also after a crash, and a failure writes nothing", { commits = "explicit" }, function(d)
  d:send("visits", { key = "a", value = "first", ts = 0 })
  d:commit()
  d:send("visits", { key = "a", value = "fail", ts = 1000 })
  d:crash()
  d:commit()
  T.equal(d:store("last"):get("a"), "first")
  d:send("visits", { key = "b", value = "second", ts = 60000 })
  d:restart()
  T.equal(d:store("last"):get("a"), nil)
  T.equal(d:store("last"):size(), 1)
end)

return app
