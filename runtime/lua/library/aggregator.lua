-- Native aggregators: S.count(), S.sum "$.ms", … one function for each row of the host.
local host, lib = ...
local S, set, fail = lib.S, lib.set, lib.fail
local check_type, check_fields = lib.check_type, lib.check_fields

local aggregator_meta = {}

function lib.is_aggregator(value)
  return getmetatable(value) == aggregator_meta
end

-- The number beside the argument: S.quantile("$.ms", 0.5), S.collect("$.a", { limit = 10 }).
local function parameter(row, name, value)
  if row.is_option then
    value = check_fields(name, value or {}, set(row.parameter))[row.parameter]
  end
  if value == nil then
    fail("%s needs %s", name, row.is_option and "{ " .. row.parameter .. " = ... }"
      or row.parameter)
  end
  return check_type(row.parameter .. " of " .. name, value, "number")
end

for _, row in ipairs(host.aggregators) do
  local name = "S." .. row.name
  S[row.name] = function(argument, value)
    local result = { name = row.name }
    if row.needs_path and argument == nil then
      fail("%s needs a path like \"$.ms\"", name)
    elseif argument ~= nil then
      check_type("the argument of " .. name, argument, "string")
      result[row.takes_condition and "condition" or "path"] = argument
    end
    if row.parameter then
      result.parameter = parameter(row, name, value)
    elseif value ~= nil then
      fail("%s takes one argument", name)
    end
    return setmetatable(result, aggregator_meta)
  end
end

-- An aggregator in C: S.plugin("mean", "$.ms", { digits = 2 }).
function S.plugin(plugin, path, options)
  check_type("the name of a plugin", plugin, "string")
  if path ~= nil then
    check_type("the path of S.plugin", path, "string")
  end
  return setmetatable({
    name = plugin, plugin = plugin, path = path,
    options = lib.settings(check_type("the options of " .. plugin, options or {}, "table"), set()),
  }, aggregator_meta)
end
