local S = require "tidemill"
local T = require "tidemill.test"
local app = S.app "bad"
app:stream("in"):peek(function(r) print("seen", r.value) end):to "out"
T.test("good", function(d)
  d:send("in", { value = { n = 1 } })
  T.equal(d:take_one("out").value, { n = 1 })
end)
T.test("bad", function(d)
  print("takes", 1, "two\nlines")
  d:send("in", { value = { n = { 1, 2 } } })
  T.equal(d:take_one("out").value, { n = { 1, 3 } })
end)
T.test("nowhere", function(d)
  d:store "none"
end)
return app
