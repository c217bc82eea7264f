-- Stores by key and window, as a processor keeps them: window stores and session stores.
local S, T = require "tidemill", require "tidemill.test"
local app = S.app "windowed"

local function list(...)
  local rows = {}
  for a, b, c, d in ... do
    rows[#rows + 1] = { a, b, c, d }
  end
  return rows
end

local function expect_error(text, ...)
  local is_good, message = pcall(...)
  T.equal({ is_good, message:sub(-#text) }, { false, text })
end

app:stream("visits", { value = "json" }):process {
  stores = { seen = S.window_store { retention = "1m" } },
  process = function(r, ctx)
    local was_put = ctx.seen:put(r.key, r.json.page, r.json.start)
    if r.json.page == "fail" then
      error "no"
    end
    expect_error("the start of a window must be an integer, milliseconds, not 1.5",
      ctx.seen.put, ctx.seen, r.key, 1, 1.5)
    expect_error("where fetch ends must be an integer, milliseconds, not nil",
      ctx.seen.fetch, ctx.seen, r.key, 1)
    expect_error("a window store has put, get, fetch, fetch_all and pairs, not 'find'",
      function() return ctx.seen:find(r.key, 1, 2) end)
    return { key = r.key, value = {
      was_put = was_put,
      now = ctx.seen:get(r.key, r.ts) or "none",
      of_key = list(ctx.seen:fetch(r.key, 10000, 70000)),
      early = list(ctx.seen:fetch_all(0, 30000)),
      all = #list(ctx.seen:pairs()),
    } }
  end,
}:to "seen"

-- Sessions of which one swallows what it touches, thirty seconds around it.
app:stream("clicks"):process {
  stores = { open = S.session_store { retention = "2m", name = "sessions", value = "text" } },
  process = function(r, ctx)
    local first, last, text = r.ts, r.ts, r.value
    for from, to, value in ctx.open:find(r.key, r.ts - 30000, r.ts + 30000) do
      T.equal(ctx.open:get(r.key, from, to), value)
      T.equal(ctx.open:delete(r.key, from, to), true)
      first, last, text = math.min(first, from), math.max(last, to), value .. text
    end
    local is_kept = ctx.open:put(r.key, first, last, text)
    expect_error("a session that starts at 5 cannot end at 4, before that",
      ctx.open.put, ctx.open, r.key, 5, 4, "x")
    expect_error("the earliest end of sessions must be an integer, milliseconds, not string",
      ctx.open.find, ctx.open, r.key, "5", 6)
    return { key = r.key, value = { is_kept = is_kept, all = list(ctx.open:pairs()) } }
  end,
}:to "sessions-out"

local function visit(d, key, seconds, page, start, expected)
  d:send("visits", { key = key, value = { page = page, start = start }, ts = seconds * 1000 })
  T.equal(d:take_one("seen").value, expected)
end

T.test("windows are found by key and by time", function(d)
  visit(d, "b", 10, "home", nil, { was_put = true, now = "home", of_key = { { 10000, "home" } },
    early = { { "b", 10000, "home" } }, all = 1 })
  visit(d, "a", 20, "home", nil, { was_put = true, now = "home", of_key = { { 20000, "home" } },
    early = { { "b", 10000, "home" }, { "a", 20000, "home" } }, all = 2 })
  visit(d, "b", 30, "shop", 29999, { was_put = true, now = "none",
    of_key = { { 10000, "home" }, { 29999, "shop" } },
    early = { { "b", 10000, "home" }, { "a", 20000, "home" }, { "b", 29999, "shop" } }, all = 3 })
  visit(d, "b", 70, "late", 10000, { was_put = false, now = "none", of_key = { { 29999, "shop" } },
    early = { { "a", 20000, "home" }, { "b", 29999, "shop" } }, all = 2 })
  visit(d, "b", 75, nil, 29999, { was_put = true, now = "none", of_key = {},
    early = { { "a", 20000, "home" } }, all = 1 })
  T.equal(d:store("seen"):size(), 1)
  T.equal(list(d:store("seen"):pairs()), { { "a", "home", 20000, 20000 } })
end)

T.test("what is older than the retention is not there", { commits = "explicit" }, function(d)
  d:send("visits", { key = "a", value = { page = "one" }, ts = 0 })
  d:send("visits", { key = "b", value = { page = "two" }, ts = 1000 })
  d:commit()
  d:send("visits", { key = "b", value = { page = "fail", start = 5 }, ts = 2000 })
  d:crash()
  d:commit()
  T.equal(list(d:store("seen"):pairs()), { { "a", "one", 0, 0 }, { "b", "two", 1000, 1000 } })
  d:send("visits", { key = "c", value = { page = "three" }, ts = 60000 })
  d:restart()
  T.equal(list(d:store("seen"):pairs()),
    { { "b", "two", 1000, 1000 }, { "c", "three", 60000, 60000 } })
end)

local function click(d, key, seconds, value, expected)
  d:send("clicks", { key = key, value = value, ts = seconds * 1000 })
  T.equal(d:take_one("sessions-out").value, expected)
end

T.test("sessions grow, meet and go", function(d)
  click(d, "a", 0, "x", { is_kept = true, all = { { "a", 0, 0, "x" } } })
  click(d, "a", 50, "y", { is_kept = true,
    all = { { "a", 0, 0, "x" }, { "a", 50000, 50000, "y" } } })
  click(d, "b", 51, "z", { is_kept = true,
    all = { { "a", 0, 0, "x" }, { "a", 50000, 50000, "y" }, { "b", 51000, 51000, "z" } } })
  click(d, "a", 25, "!", { is_kept = true,
    all = { { "a", 0, 50000, "yx!" }, { "b", 51000, 51000, "z" } } })
  click(d, "b", 171, "?", { is_kept = true, all = { { "b", 171000, 171000, "?" } } })
  T.equal(list(d:store("sessions"):pairs()), { { "b", "?", 171000, 171000 } })
  click(d, "a", 40, "!", { is_kept = false, all = { { "b", 171000, 171000, "?" } } })
end)

return app
