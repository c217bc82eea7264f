-- Joins: of streams and tables, each with each.
local _, lib = ...
local S, set, fail = lib.S, lib.set, lib.fail
local check_type, check_fields = lib.check_type, lib.check_fields
local next_node, span = lib.next_node, lib.span
local Stream, Table = lib.Stream, lib.Table

local KEEPS = { -- what is kept without a match
  join = {}, left_join = { left = true }, outer_join = { left = true, right = true },
}

-- The options are optional, and so is the function.
local function arguments(verb, self, other, options, fn)
  if type(options) == "function" then
    options, fn = {}, options
  end
  if type(other) ~= "table" then
    fail("%s takes a stream or a table, not a %s: app:stream \"topic\" or app:table(\"topic\", "
      .. "{ name = \"...\" })", verb, type(other))
  end
  if rawget(other, "app") ~= self.app then
    fail("%s takes a stream or a table of the same app", verb)
  end
  if fn ~= nil then
    check_type(("the function of %s"):format(verb), fn, "function")
  end
  return check_type(("the options of %s"):format(verb), options or {}, "table"), fn
end

local store = lib.table_store

-- Paths for C or a function; nil when there is nothing.
local function on(what)
  if what == nil or type(what) == "function" then
    return what and { fn = what }
  end
  return { paths = lib.check_list("on", what) }
end

-- The table itself if its values are kept as such, else one that keeps them.
local function kept(side, name)
  return side.store and side or lib.keep(side, name)
end

local function detail(verb, what)
  return verb .. " " .. what
end

-- --- A stream with a table ---------------------------------------------------------------------

local LOOKUP = set("name", "grace")

local function lookup(verb, self, other, options, fn)
  if verb == "outer_join" then
    fail "a stream and a table have no outer_join: the table alone gives nothing"
  end
  if options.on then
    fail("%s with a table has no 'on': a record meets the row of its own key, so bring the key "
      .. "with :select_key first, or join with app:global_table", verb)
  end
  if options.within then
    fail("%s with a table has no 'within': a record meets the row of its time; within is of two "
      .. "streams", verb)
  end
  check_fields(verb .. " with a table", options, LOOKUP)
  local name = options.name or (other.store and other.store .. "-join") or nil
  lib.check_state_name(verb .. " with a table that is not kept", name)
  if options.grace and not other.versioned then
    fail "grace waits for a table that is late, so the table must know its past: versioned = \"1h\""
  end
  other = kept(other, name .. "-table")
  local stores = { lib.table_store(other.store, other.versioned) }
  if options.grace then
    stores[2] = store(name .. "-waiting")
  end
  return next_node(self, "lookup", {
    name = name, stores = stores, versioned = span("versioned", other.versioned), fn = fn,
    grace = span("grace", options.grace), keeps_left = KEEPS[verb].left,
    detail = detail(verb, other.store),
  })
end

-- --- A stream with a global table --------------------------------------------------------------

local function lookup_global(verb, self, other, options, fn)
  if verb == "outer_join" then
    fail "a stream and a table have no outer_join: the table alone gives nothing"
  end
  check_fields(verb .. " with a global table", options, set("name", "on"))
  return next_node(self, "lookup", {
    name = options.name or other.store .. "-join", stores = { lib.global_store(other.store) },
    on = on(options.on), fn = fn, is_global = true, keeps_left = KEEPS[verb].left,
    detail = detail(verb, "the global " .. other.store),
  })
end

-- --- Streams -----------------------------------------------------------------------------------

local MEETING = set("name", "within", "before", "after", "grace", "late")

local function meeting_side(verb, self, name, side, options, fn)
  return next_node(self, "meeting", {
    name = name .. "-" .. side, side = side, stores = { store(name) }, fn = fn,
    before = span("before", options.before or options.within),
    after = span("after", options.after or options.within), grace = span("grace", options.grace),
    late = options.late, keeps_left = KEEPS[verb].left, keeps_right = KEEPS[verb].right,
    detail = detail(verb, side == "left" and "with the right" or "with the left"),
  })
end

local function join_streams(verb, self, other, options, fn)
  check_fields(verb .. " of streams", options, MEETING)
  lib.check_state_name(verb .. " of streams", options.name)
  if not options.within and not (options.before and options.after) then
    fail("%s of streams needs within = \"10s\", or before = and after =", verb)
  end
  if options.late then
    check_type("late", options.late, "string")
  end
  local sides = {
    meeting_side(verb, self, options.name, "left", options, fn).id,
    meeting_side(verb, other, options.name, "right", options, fn).id,
  }
  return lib.add_node(self.app, "merge", sides, { name = options.name })
end

-- --- Tables ------------------------------------------------------------------------------------

local function join_side(verb, self, other, name, side, fn)
  return next_node(self, "table_join", {
    name = name .. "-" .. side, side = side, fn = fn,
    stores = { lib.table_store(other.store, other.versioned) },
    versioned = span("versioned", other.versioned), keeps_left = KEEPS[verb].left,
    keeps_right = KEEPS[verb].right, detail = detail(verb, other.store),
  })
end

-- By a key that the left value names: left rows subscribe to right ones through a topic, and are
-- answered through another.
local function join_foreign(verb, self, other, options, fn)
  local name = lib.check_state_name(verb .. " by a foreign key", options.name)
  if verb == "outer_join" then
    fail "by a foreign key there is no outer_join: a right row that nobody names has no key"
  end
  local left, right = kept(self, name .. "-left"), kept(other, name .. "-right")
  local app, subscriptions = self.app, name .. "-subscriptions"
  local subscribe = next_node(left, "foreign_subscribe", {
    name = name .. "-subscribe", on = on(options.on), keeps_left = KEEPS[verb].left,
    detail = detail(verb, right.store),
  })
  local lookup = next_node(next_node(subscribe, "repartition", { name = subscriptions }),
    "foreign_lookup", {
      name = name .. "-lookup",
      stores = { lib.table_store(right.store, right.versioned), store(subscriptions) },
      versioned = span("versioned", right.versioned),
    })
  local changes = next_node(right, "foreign_change", {
    name = name .. "-change", stores = { store(subscriptions) },
  })
  -- Not merged: the tables are read by tasks of their own and may have other partitions.
  local answers = lib.add_node(app, "repartition", { subscribe.id, lookup.id, changes.id },
    { name = name .. "-answers" })
  local answer = next_node(answers, "foreign_answer", {
    name = name .. "-answer", fn = fn,
    stores = { lib.table_store(left.store, left.versioned), lib.table_store(name) },
    versioned = span("versioned", left.versioned), keeps_left = KEEPS[verb].left,
  })
  return lib.keep(answer, name)
end

local function join_tables(verb, self, other, options, fn)
  check_fields(verb .. " of tables", options, set("name", "on"))
  if options.on then
    return join_foreign(verb, self, other, options, fn)
  end
  local name = options.name
    or (self.store and other.store and ("%s-%s-join"):format(self.store, other.store)) or nil
  lib.check_state_name(verb .. " of a table that is not kept", name)
  local left, right = kept(self, name .. "-left"), kept(other, name .. "-right")
  local sides = {
    join_side(verb, left, right, name, "left", fn).id,
    join_side(verb, right, left, name, "right", fn).id,
  }
  return lib.table_of(lib.add_node(self.app, "merge", sides, { name = name }),
    { store = false, versioned = false, knows_old = false })
end

for verb in pairs(KEEPS) do
  Stream[verb] = function(self, other, options, fn)
    options, fn = arguments(verb, self, other, options, fn)
    if lib.is_table(other) then
      return lookup(verb, self, other, options, fn)
    end
    if lib.is_global(other) then
      return lookup_global(verb, self, other, options, fn)
    end
    return join_streams(verb, self, other, options, fn)
  end

  Table[verb] = function(self, other, options, fn)
    options, fn = arguments(verb, self, other, options, fn)
    if not lib.is_table(other) then
      fail("a table is joined with a table; to join its changes with a stream or a global table: "
        .. ":to_stream():%s", verb)
    end
    return join_tables(verb, self, other, options, fn)
  end
end
