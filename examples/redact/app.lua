-- Route and redact: one function between topics. Noise is dropped, errors also go to a topic of
-- their own, and nothing secret gets past.
--
--     tidemill run examples/redact/app.lua
--     tidemill produce logs.raw -l examples/redact/events.jsonl
--     tidemill consume logs.clean -e -q
--     tidemill consume logs.errors -e -q
--     tidemill consume logs.dead -e -q
--
-- (the first in a shell of its own) prints examples/redact/expected.txt. A line that is no JSON
-- is among the dead letters as it came, with the reason in its headers (add -J).
return {
  input = "logs.raw",
  output = "logs.clean",
  value = "json",
  errors = { policy = "dlq", topic = "logs.dead" },
  process = function(r)
    local event = r.json
    if event.level == "debug" then
      return nil
    end
    event.password = nil -- only these bytes change; the rest of the value is passed on as it came
    if event.card then
      event.card = "…" .. event.card:sub(-4)
    end
    if event.level == "error" or (event.status or 0) >= 500 then
      emit("logs.errors", r)
    end
    return r
  end,
}
