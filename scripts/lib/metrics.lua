-- Arithmetic of metrics. What must be remembered is kept in a store, or is a plain text that can be
-- put into one.
--
--     local metrics = require "tidemill.metrics"
local S = require "tidemill"

-- Quantiles of many values within 1 %, in a text of a few hundred bytes: sketch.add(text or nil,
-- value), sketch.merge(text, text), sketch.quantile(text, q), sketch.count(text).
local metrics = { sketch = S.ddsketch }

-- How much a counter grew from one sample to the next. A smaller sample is one after a reset: the
-- counter began again at 0.
function metrics.increase(before, now)
  return now >= before and now - before or now
end

-- The increase of the counter `key` since its last sample, and the milliseconds since then; nil for
-- its first sample and for one that is not newer than the last. The store keeps the last sample.
function metrics.counter(store, key, value, ts)
  local last = store:get(key)
  if last and ts <= last.ts then
    return nil
  end
  store:put(key, { value = value, ts = ts })
  if not last then
    return nil
  end
  return metrics.increase(last.value, value), ts - last.ts
end

-- The sum of all deltas of `key` so far, this one included. The store keeps it.
function metrics.cumulative(store, key, delta)
  local total = (store:get(key) or 0) + delta
  store:put(key, total)
  return total
end

return metrics
