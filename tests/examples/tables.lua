-- Functions of process that read tables: plain, versioned, global, and what an aggregate keeps.
local S, T = require "tidemill", require "tidemill.test"
local app = S.app "tables"
local customers = app:table("customers", { name = "customers", value = "json" })
local prices = app:table("prices", { name = "prices", value = "json", versioned = "1h" })
local rates = app:global_table("rates", { name = "rates", value = "json" })
local orders = app:stream("orders", { value = "json" })
local counts = orders:group_by_key():count { name = "n" }:to_stream():to_table { name = "counts" }

orders:process {
  name = "look",
  stores = {
    customers = customers, prices = prices, rates = rates, counts = counts, seen = S.kv {},
  },
  process = function(r, ctx)
    local names = {}
    for key, customer in ctx.customers:prefix "c" do
      names[#names + 1] = key .. "=" .. customer.name
    end
    local customer = ctx.customers[r.key]
    ctx.seen:add(r.key, 1)
    if r.value.write then
      ctx.customers[r.key] = { name = "mine" }
    end
    return { key = r.key, value = {
      name = customer and customer.name, names = table.concat(names, " "),
      price = ctx.prices:get(r.key), was = ctx.prices:as_of(r.key, r.ts - 1000),
      rate = ctx.rates:get "EUR", seen = ctx.seen[r.key],
    } }
  end,
}:to "looked"

local function look(d, key, ts)
  d:send("orders", { key = key, value = {}, ts = ts })
  return d:take_one("looked").value
end

T.test("what is there at the time of the record", function(d)
  d:send("rates", { key = "EUR", value = 1.1 })
  d:send("customers", { key = "c1", value = { name = "anna" }, ts = 1000 })
  d:send("prices", { key = "c1", value = 5, ts = 1000 })
  d:send("prices", { key = "c1", value = 7, ts = 3000 })
  T.equal(look(d, "c1", 3000),
    { name = "anna", names = "c1=anna", price = 7, was = 5, rate = 1.1, seen = 1 })
  d:send("customers", { key = "c2", value = { name = "bob" }, ts = 3000 })
  d:send("customers", { key = "c1", value = S.null, ts = 4000 })
  T.equal(look(d, "c1", 4000), { names = "c2=bob", price = 7, was = 7, rate = 1.1, seen = 2 })
end)

T.test("after a restart, and over partitions", { partitions = 3 }, function(d)
  d:send("customers", { key = "c1", value = { name = "anna" }, ts = 1000 })
  d:restart()
  T.equal(look(d, "c1", 2000).name, "anna")
  d:crash()
  T.equal(look(d, "c1", 2000).seen, 2)
end)

T.test("it is only read", function(d)
  d:send("customers", { key = "c1", value = { name = "anna" }, ts = 1000 })
  d:send("orders", { key = "c1", value = { write = true }, ts = 2000 })
  T.equal(#d:take "looked", 0)
  T.equal(#d:take "tables-dlq", 1)
  T.equal(d:store("customers"):get("c1").name, "anna")
  T.equal(look(d, "c1", 3000).seen, 1)
end)

return app
