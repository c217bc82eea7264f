-- What the file returned: an app, or a table with one function. The last file of the library.
local _, lib = ...
local S, fail, check_fields, set = lib.S, lib.fail, lib.check_fields, lib.set

local TINY = set("name", "input", "output", "value", "time", "key", "stores", "every", "errors",
  "guarantee", "init", "process", "close")

local function from_tiny(spec, name)
  check_fields("the returned table", spec, TINY)
  if spec.input == nil then
    fail "the returned table needs an input: the topic to read"
  end
  local app = S.app(spec.name or name)
  local stream = app:stream(spec.input, { value = spec.value, time = spec.time })
  if spec.key then
    stream = stream:select_key(spec.key):repartition "by-key"
  end
  stream = stream:process {
    name = "process", stores = spec.stores, init = spec.init, process = spec.process,
    every = spec.every, close = spec.close,
  }
  if spec.output then
    stream:to(spec.output)
  end
  if spec.errors then
    app:errors(spec.errors)
  end
  if spec.guarantee then
    app:guarantee(spec.guarantee)
  end
  return app
end

-- Turns what the file returned into an app.
local function finish(result, name)
  if getmetatable(result) == lib.app_meta then
    return result
  end
  if type(result) == "table" and getmetatable(result) == nil then
    return from_tiny(result, name)
  end
  if result == nil then
    error("the file returns nothing: it ends with return app, or with a table that has process", 0)
  end
  error(("the file must return an app (S.app) or a table with process, not %s"):format(
    result == S and "the library" or getmetatable(result) ~= nil and "what a step gave"
      or "a " .. type(result)), 0)
end

return S, finish
