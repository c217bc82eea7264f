-- Tables joined by a foreign key, beside a model: rows that move, vanish and come again before
-- their old answers are there leave no result behind.
--
--     tidemill test tests/examples/foreign.lua
local S = require "tidemill"
local T = require "tidemill.test"

local app = S.app "foreign"
local products = app:table("products", { name = "products", value = "json" })
app:table("stock", { name = "stock", value = "json" })
  :join(products, { name = "priced", on = "$.product" }, function(row, product)
    return { place = row.place, worth = row.count * product.price }
  end)
  :group_by "$.place"
  :aggregate { name = "places", rows = S.count(), worth = S.sum "$.worth" }
  :to "worths"

-- Subscriptions, answers and groups go through a topic each.
local function settle(d)
  for _ = 1, 4 do
    d:commit()
  end
end

T.test("a row that comes again may meet nothing", { commits = "explicit" }, function(d)
  d:send("products", { key = "tea", value = { price = 5 } })
  d:send("stock", { key = "1", value = { place = "a", product = "tea", count = 2 } })
  settle(d)
  T.equal(d:store("places"):get "a", { rows = 1, worth = 10 })
  d:send("stock", { key = "1", value = S.null })
  d:send("stock", { key = "1", value = { place = "a", product = "rum", count = 2 } })
  settle(d)
  T.equal(d:store("priced"):size(), 0)
  T.equal(d:store("places"):get "a", { rows = 0, worth = S.null })
end)

local function expected(stock, products_now)
  local places = {}
  for _, row in pairs(stock) do
    local product = products_now[row.product]
    if product then
      local place = places[row.place] or { rows = 0, worth = 0 }
      place.rows, place.worth = place.rows + 1, place.worth + row.count * product.price
      places[row.place] = place
    end
  end
  return places
end

local function compare(d, tables)
  settle(d)
  local wanted = expected(tables.stock, tables.products)
  for key, got in d:store("places"):pairs() do
    T.equal(got, wanted[key] or { rows = 0, worth = S.null })
    wanted[key] = nil
  end
  T.equal(wanted, {})
end

local function random_changes(partitions)
  return function(d)
    local state = 12345 + partitions
    local function random(n)
      state = (state * 1103515245 + 12345) % 2147483648
      return state // 65536 % n
    end
    local tables = { products = {}, stock = {} }
    for _ = 1, 40 do
      for _ = 1, 20 do
        local topic = random(10) < 3 and "products" or "stock"
        local key = topic == "products" and "p" .. random(10) or "s" .. random(10)
        local row = topic == "products" and { price = random(9) }
          or { product = "p" .. random(10), place = "w" .. random(3), count = random(9) }
        row = random(3) > 0 and row or nil
        tables[topic][key] = row
        d:send(topic, { key = key, value = row or S.null })
        if random(10) == 0 then
          d:commit()
        end
      end
      compare(d, tables)
      d:restart()
    end
  end
end

for _, partitions in ipairs { 1, 3 } do
  T.test("random changes, partitions: " .. partitions,
    { commits = "explicit", partitions = partitions }, random_changes(partitions))
end

return app
