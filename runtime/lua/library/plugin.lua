-- Steps that a plugin in C does.
local _, lib = ...
local set, check_type, check_fields = lib.set, lib.check_type, lib.check_fields

local Stream = lib.Stream

local STEP = set("name", "stores", "value")

function Stream:plugin(plugin, options, step)
  check_type("the name of a plugin", plugin, "string")
  check_type("the options of " .. plugin, options or {}, "table")
  step = check_fields("plugin", step or {}, STEP)
  local fields = {
    plugin = plugin, detail = plugin, name = step.name, value = lib.format(step.value),
    options = lib.settings(options or {}, set()), stores = lib.list_stores(step.stores),
  }
  if not fields.name and fields.stores[1] then
    fields.name = fields.stores[1].name -- a store has a name, so its keeper has one
  end
  return lib.next_node(self, "plugin", fields)
end
