-- Apps: topics, streams and connectors under one name.
local host, lib = ...
local S, set, fail = lib.S, lib.set, lib.fail
local check_type, check_fields = lib.check_type, lib.check_fields
local check_list = lib.check_list
local App, app_meta = lib.class("an app", {
  add_state_store = "the step that uses a store says it: :process { stores = { seen = S.kv {} } }",
  add_global_store = "app:global_table keeps a topic whole in each instance",
  build = "the file ends with: return app", start = "the file ends with: return app",
  k_stream = "app:stream \"topic\"", k_table = "app:table(\"topic\", { name = \"...\" })",
})
lib.App, lib.app_meta = App, app_meta

-- S.pattern "logs-.*": all topics whose whole name matches, also later ones. Of streams and sinks.
local Pattern = {}
Pattern.__index = Pattern

function S.pattern(text)
  return setmetatable({ text = check_type("the pattern of S.pattern", text, "string") }, Pattern)
end

-- The names of topics and no pattern, or no names and the pattern.
local function check_topics(what, topics)
  if getmetatable(topics) == Pattern then
    return {}, topics.text
  end
  return check_list(what, topics)
end

function App:stream(topics, options)
  options = check_fields("stream", options or {}, set("value", "time", "name"))
  local pattern
  topics, pattern = check_topics("the topic of a stream", topics)
  local format = lib.format(options.value)
  local time, scale = lib.time(options.time)
  local key = (pattern or table.concat(topics, "\0")) .. "\1" .. tostring(format) .. "\1"
    .. tostring(time) .. "\1" .. tostring(scale) .. "\1" .. tostring(options.name)
    .. (pattern and "\1pattern" or "")
  local known = self.sources[key]
  if known then
    return known -- the same stream again
  end
  local stream = lib.add_node(self, "source", {}, {
    topics = topics, pattern = pattern, name = options.name,
    value = format, time = time, time_scale = scale,
  })
  self.sources[key] = stream
  return stream
end

function App:topic(name, options)
  options = check_fields("topic", options or {}, set("partitions", "retention", "compact"))
  if options.retention ~= nil and type(options.retention) ~= "string" then
    fail("retention is a text like \"7d\" or \"12h\", not a %s", type(options.retention))
  end
  if options.retention and options.retention:find "^%d+$" then
    fail("retention is \"%s\" without a unit; write \"%sd\" or \"%sh\"", options.retention,
      options.retention, options.retention)
  end
  if options.compact ~= nil then
    check_type("compact", options.compact, "boolean")
  end
  self.topics[#self.topics + 1] = {
    name = check_type("the name of a topic", name, "string"), place = host.place(),
    partitions = lib.partitions(options.partitions),
    retention = options.retention, compact = options.compact,
  }
  return self
end

-- "20% of 1m": the share of the records of a span that may fail.
local function breaker(text)
  if text == nil then
    return nil
  end
  local share, span = text:match "^%s*(%d+%.?%d*)%s*%%%s+of%s+(%S+)%s*$"
  local percent = tonumber(share)
  if not percent or percent <= 0 or percent >= 100 then
    fail("the breaker of errors is a share of the records of a span, like \"20%% of 1m\", not "
      .. "\"%s\"", text)
  end
  return percent, lib.need_span("the span of the breaker", span)
end

function App:errors(spec)
  if type(spec) == "string" then
    fail("errors takes a table: app:errors { policy = \"%s\" }", spec)
  end
  check_fields("errors", spec, set("policy", "topic", "breaker"))
  for field, value in pairs(spec) do
    check_type("the " .. field .. " of errors", value, "string")
  end
  local percent, span = breaker(spec.breaker)
  self.error_policy = {
    policy = spec.policy, topic = spec.topic, breaker_percent = percent, breaker = span,
    place = host.place(),
  }
  return self
end

function App:guarantee(name)
  check_type("the guarantee", name, "string")
  self.guaranteed = { name = name, place = host.place() }
  return self
end

local CONNECTOR = set("type", "topic", "topics")

local function add_connector(app, name, spec, is_sink)
  check_type("the name of a connector", name, "string")
  check_type("the options of " .. name, spec, "table")
  if type(spec.type) ~= "string" then
    fail("'%s' needs a type: the plugin, like type = \"sqlite\"", name)
  end
  if is_sink and not (spec.topics or spec.topic or spec["topics.regex"]) then
    fail("the sink '%s' needs topics", name)
  end
  local topics, pattern = {}, nil
  if spec.topics or spec.topic then
    topics, pattern = check_topics("the topics of " .. name, spec.topics or spec.topic)
  end
  if pattern and not is_sink then
    fail("the source '%s' writes to one topic, not to all that match '%s'", name, pattern)
  end
  local options = lib.settings(spec, CONNECTOR)
  for _, other in ipairs(app.connectors) do
    if other.name == name then
      fail("there are two connectors named '%s'", name)
    end
  end
  app.connectors[#app.connectors + 1] = {
    name = name, type = spec.type, is_sink = is_sink, place = host.place(), options = options,
    topics = topics, pattern = pattern,
  }
  return app
end

function App:source(name, spec)
  return add_connector(self, name, spec, false)
end

function App:sink(name, spec)
  return add_connector(self, name, spec, true)
end

function S.app(name)
  check_type("the name of an app", name, "string")
  return setmetatable({
    name = name, nodes = {}, topics = {}, connectors = {}, sources = {}, keepers = {},
    place = host.place(),
  }, app_meta)
end
