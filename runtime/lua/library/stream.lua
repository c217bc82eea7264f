-- Streams: what can be done with records one by one.
local _, lib = ...
local fail, check_type, check_fields, set = lib.fail, lib.check_type, lib.check_fields, lib.set
local next_node, named, condition = lib.next_node, lib.named, lib.condition

local GROUP_FIRST = "group it first, with :group_by \"$.a\" or :group_by_key()"
local PROCESS = "process { stores =, process = } does such things"
lib.STREAM_HINTS = {
  count = GROUP_FIRST, aggregate = GROUP_FIRST, reduce = GROUP_FIRST, window = GROUP_FIRST,
  windowed_by = GROUP_FIRST, cogroup = GROUP_FIRST,
  foreach = "peek calls a function for each record",
  for_each = "peek calls a function for each record",
  print = "peek(function(r) print(r.key, r.bytes) end) does, into tidemill app logs",
  through = "repartition writes to a topic of the app and reads it again",
  split = "branch { { \"name\", \"$.a > 1\" }, ... } gives a table of streams by name",
  right_join = "let the right side left_join this one",
  suppress = "only tables and aggregates have a latest value: emit, behind them",
  transform = PROCESS, transform_values = PROCESS, flat_transform = PROCESS,
  process_values = PROCESS,
}
local Stream, stream_meta = lib.class("a stream", lib.STREAM_HINTS)
lib.Stream, lib.stream_meta = Stream, stream_meta

function Stream:filter(what, options)
  return next_node(self, "filter", named(condition("filter's condition", what), options))
end

function Stream:filter_not(what, options)
  local fields = named(condition("filter_not's condition", what), options)
  fields.is_inverted = true
  return next_node(self, "filter", fields)
end

for _, kind in ipairs { "map", "map_values", "flat_map", "flat_map_values", "peek" } do
  Stream[kind] = function(self, fn, options)
    check_type(kind .. "'s argument", fn, "function")
    return next_node(self, kind, named({ fn = fn }, options))
  end
end

function Stream:select_key(what, options)
  local fields = type(check_type("select_key's argument", what, "string", "function")) == "string"
    and { paths = { what }, detail = what } or { fn = what }
  return next_node(self, "select_key", named(fields, options))
end

function Stream:repartition(name, options)
  check_type("the name of a repartition", name, "string")
  options = check_fields("repartition", options or {}, set "partitions")
  return next_node(self, "repartition", {
    name = name, partitions = lib.partitions(options.partitions),
  })
end

function Stream:merge(...)
  local parents = { self.id }
  for _, other in ipairs { ... } do
    other = lib.stream_of(other)
    if getmetatable(other) ~= stream_meta or other.app ~= self.app then
      fail("merge takes streams of the same app")
    end
    parents[#parents + 1] = other.id
  end
  return lib.add_node(self.app, "merge", parents, {})
end

function Stream:to_stream()
  return self
end

function Stream:to(topic, options)
  if type(topic) == "function" then
    fail("the topic of to is a name; a topic for each record: process { process = function(r, ctx) "
      .. "ctx:emit(topic, r) end }")
  end
  check_type("the topic", topic, "string")
  options = check_fields("to", options or {}, set("value", "key", "partition", "name"))
  if options.key ~= nil then
    check_type("the key of to, a path,", options.key, "string")
  end
  if options.partition ~= nil and math.type(options.partition) ~= "integer" then
    fail("the partition of to is one number for all records, not a %s: map may return records with "
      .. "their own, { partition = 3 }", type(options.partition))
  end
  next_node(self, "to", {
    topic = topic, value = lib.format(options.value), key = options.key,
    partition = options.partition, name = options.name,
  })
  return self
end
