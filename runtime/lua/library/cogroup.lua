-- Cogroups: several grouped streams that go into one aggregate, each by a function of its own.
local _, lib = ...
local S, set, fail = lib.S, lib.set, lib.fail
local check_type, check_fields = lib.check_type, lib.check_fields
local AGGREGATE = "aggregate { name =, init = } does, with the add of each stream"
local Cogroup, cogroup_meta = lib.class("a cogroup", {
  count = AGGREGATE, reduce = AGGREGATE, windowed_by = "did you mean 'window'?",
})

local function read_member(index, member)
  if type(member) ~= "table" or getmetatable(member) ~= nil then
    fail "S.cogroup takes a list of lists: { { group, add }, { group, add } }"
  end
  check_fields("a member of S.cogroup", member, set(1, 2, "add"))
  local group = member[1]
  if getmetatable(group) ~= lib.group_meta then
    fail("the first of S.cogroup's member %d is no grouped stream; write "
      .. "{ stream:group_by_key(), add }", index)
  end
  local what = ("the add of S.cogroup's member %d"):format(index)
  return { stream = group.stream, fn = check_type(what, member.add or member[2], "function") }
end

function S.cogroup(members)
  local read = {}
  for i, member in ipairs(check_type("S.cogroup's list", members, "table")) do
    read[i] = read_member(i, member)
    if read[i].stream.app ~= read[1].stream.app then
      fail "S.cogroup takes streams of one app"
    end
  end
  if #read == 0 then
    fail "S.cogroup's list is empty; write { { stream:group_by_key(), add }, ... }"
  end
  return setmetatable({ members = read }, cogroup_meta)
end

function Cogroup:window(spec)
  local group = setmetatable({ stream = self.members[1].stream }, lib.group_meta)
  group:window(spec) -- judges it
  return setmetatable({ members = self.members, spec = spec }, cogroup_meta)
end

-- A lane for each stream marks its records, so that one aggregate tells them apart.
local function join_lanes(members, name)
  local app, ids = members[1].stream.app, {}
  for i, member in ipairs(members) do
    ids[i] = lib.next_node(member.stream, "lane", { name = name .. "-" .. i, lane = i - 1 }).id
  end
  return lib.add_node(app, "merge", ids, {})
end

function Cogroup:aggregate(spec)
  check_fields("aggregate", spec, set("name", "store", "init", "merge", "version", "migrate"))
  check_type("the name of a cogroup's aggregate", spec.name, "string")
  local merged = join_lanes(self.members, spec.name)
  local group = setmetatable({ stream = merged }, lib.group_meta)
  local window = rawget(self, "spec")
  local result = (window and group:window(window) or group):aggregate {
    name = spec.name, store = spec.store, init = spec.init, add = self.members[1].fn,
    merge = spec.merge, version = spec.version, migrate = spec.migrate,
  }
  result.app.nodes[result.id].lanes = self.members
  return result
end
