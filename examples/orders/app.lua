-- Order enrichment: each order gets its customer, and the price that held when it was made.
--
--     tidemill run examples/orders/app.lua
--     tidemill produce customers -K ' ' -l examples/orders/customers.txt
--     tidemill produce prices -K ' ' -l examples/orders/prices.txt
--     tidemill produce orders -l examples/orders/orders.jsonl
--     tidemill consume orders.priced -e -q
--
-- (the first in a shell of its own) prints examples/orders/expected.txt. The price of tea
-- changes at 10:05; order 4 was made before and comes after, and is billed the old one, because
-- `prices` is versioned: it is asked as of the time of the order. `customers` is a plain table:
-- what is known when the order comes. `left_join` lets an order go on without its customer,
-- `join` does not.
local S = require "tidemill"
local app = S.app "orders"

local customers = app:table("customers", { name = "customers", value = "json" })
local prices = app:table("prices", {
  name = "prices", value = "json", time = "$.at", versioned = "24h",
})

app:stream("orders", { value = "json", time = "$.at" })
  :select_key "$.sku"
  :join(prices, function(order, price)
    order.total = order.count * price.price
    return order
  end)
  :select_key "$.customer"
  :left_join(customers, function(order, customer)
    order.name = customer and customer.name or S.null
    return order
  end)
  :to "orders.priced"

return app
