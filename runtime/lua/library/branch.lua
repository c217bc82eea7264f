-- Branches: a stream parted into arms.
local _, lib = ...
local fail, check_type = lib.fail, lib.check_type
local next_node, condition = lib.next_node, lib.condition
local Stream = lib.Stream
local Branches = {}

-- Arms are a list of { name, condition } or a table name = condition, then taken in the order of
-- names with `true` last.
local function list_arms(arms)
  local list = {}
  if #arms > 0 then
    for i, arm in ipairs(arms) do
      if type(arm) ~= "table" or type(arm[1]) ~= "string" then
        fail("arm %d of branch is no { \"name\", \"$.a > 1\" }", i)
      end
      list[i] = { name = arm[1], condition = arm[2] }
    end
    return list
  end
  local names = {}
  for name in pairs(arms) do
    names[#names + 1] = check_type("the name of an arm", name, "string")
  end
  table.sort(names, function(a, b)
    if (arms[a] == true) ~= (arms[b] == true) then
      return arms[b] == true
    end
    return a < b
  end)
  for i, name in ipairs(names) do
    list[i] = { name = name, condition = arms[name] }
  end
  return list
end

function Stream:branch(arms)
  local list = list_arms(check_type("branch's argument", arms, "table"))
  local fields = { arms = {} }
  if #list == 0 then
    fail "branch needs an arm"
  end
  local known = {}
  for i, arm in ipairs(list) do
    if known[arm.name] then
      fail("there are two arms named '%s'", arm.name)
    end
    known[arm.name] = true
    if arm.condition == nil then
      fail("the arm '%s' needs a condition: { \"%s\", \"$.a > 1\" }, or true for everything else",
        arm.name, arm.name)
    end
    fields.arms[i] = arm.condition == true and { is_always = true }
      or condition(("the condition of '%s'"):format(arm.name), arm.condition)
  end
  local branch = next_node(self, "branch", fields)
  local branches = {}
  for _, arm in ipairs(list) do
    branches[arm.name] = next_node(branch, "arm", {})
  end
  local names = lib.names(branches)
  return setmetatable(branches, { __index = function(_, name)
    return Branches[name] or lib.fail_unknown("this branch", tostring(name), names, {
      default_branch = "an arm { \"rest\", true } takes everything else",
    })
  end })
end

function Branches.to(branches, topics)
  check_type("the topics of a branch", topics, "table")
  local names = {}
  for name, topic in pairs(topics) do
    check_type(("the topic of '%s'"):format(tostring(name)), topic, "string")
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    branches[name]:to(topics[name])
  end
end
