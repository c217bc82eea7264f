-- Parsers of log lines: each takes a line and gives a table, or nil and why it is none.
--
--     local logs = require "tidemill.logs"
--     local entry, why = logs.access(r.value)
--
-- Times are `ts`, in milliseconds. What a line says with "-" is absent. Lines that leave the year
-- out (syslog of RFC 3164, klog) take a second argument, the time of the record: the year is the
-- one that brings them nearest to it; such lines are read as UTC. Every pattern is anchored and
-- walks its line once.
local S = require "tidemill"
local logs = {}

local function present(text)
  return text ~= "-" and text ~= "" and text or nil
end

-- --- Times ---------------------------------------------------------------------------------------

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }
local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- Days since 1970-01-01 in the Gregorian calendar; nil for a day that the year does not have.
local function days_of(year, month, day)
  local last = DAYS[month]
  if not last or day < 1 or day > (month == 2 and is_leap(year) and 29 or last) then
    return nil
  end
  local shifted = month > 2 and year or year - 1 -- years begin in March
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + of_year - 719468
end

local DAY_MS = 86400000

-- A day and a time of day without a year, as near to `now` as can be.
local function nearest(now, month, day, hour, minute, second, ms)
  if hour > 23 or minute > 59 or second > 60 then
    return nil
  end
  local of_day = ((hour * 60 + minute) * 60 + second) * 1000 + ms
  local year = 1970 + now // 31556952000
  local found
  for candidate = year - 1, year + 1 do
    local days = days_of(candidate, month, day)
    local time = days and days * DAY_MS + of_day
    if time and (not found or math.abs(time - now) < math.abs(found - now)) then
      found = time
    end
  end
  return found
end

local function check_now(now)
  if math.type(now) ~= "integer" then
    error("the second argument is the time of the record, in milliseconds: r.ts", 3)
  end
end

local function read_time(read, text)
  local is_good, time = pcall(read, text)
  return is_good and time or nil
end

-- The first three digits of a fraction.
local function milliseconds(fraction)
  return math.tointeger((fraction .. "000"):sub(1, 3))
end

-- --- Access logs ---------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '"', ["\\"] = "\\" }

-- The text in quotes that begins at `at`, and what stands behind it. Known escapes are undone.
local function quoted(line, at, escapes)
  if line:sub(at, at) ~= '"' then
    return nil
  end
  local from, has_escape = at + 1, false
  while true do
    local found = line:find('["\\]', from)
    if not found then
      return nil
    end
    if line:sub(found, found) == '"' then
      local text = line:sub(at + 1, found - 1)
      return has_escape and text:gsub("\\(.)", escapes or ESCAPES) or text, found + 1
    end
    has_escape, from = true, found + 2
  end
end

-- Common and combined log format of web servers.
function logs.access(line)
  local host, ident, user, at, rest = line:match "^(%S+) (%S+) (%S+) %[([^%]]*)%] ()"
  if not host then
    return nil, "it does not begin with: host ident user [time]"
  end
  local ts = read_time(S.time.clf, at)
  if not ts then
    return nil, ("its time is none: %s"):format(at:sub(1, 40))
  end
  local request, behind = quoted(line, rest)
  if not request then
    return nil, "its request has no closing quote"
  end
  local status, bytes, tail = line:match("^ (%d%d%d) ([%d-]+)()", behind)
  if not status then
    return nil, "behind its request there is no status and size"
  end
  local entry = {
    host = host, ident = present(ident), user = present(user), ts = ts, request = present(request),
    status = math.tointeger(status), bytes = math.tointeger(bytes),
  }
  entry.method, entry.path, entry.protocol = request:match "^(%u+) (%S+) (HTTP/[%d.]+)$"
  if line:sub(tail, tail + 1) == ' "' then
    local referer, agent_at = quoted(line, tail + 1)
    local agent = referer and quoted(line, agent_at + 1)
    if not agent then
      return nil, "its referer or agent has no closing quote"
    end
    entry.referer, entry.agent = present(referer), present(agent)
  end
  return entry
end

-- --- Syslog -------------------------------------------------------------------------------------

local SEVERITIES = { [0] = "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" }
local FACILITIES = { [0] = "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news",
  "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2",
  "local3", "local4", "local5", "local6", "local7" }

-- The entry begun with <priority>, and what stands behind it; false when the priority is none.
local function begin_syslog(line)
  local digits, behind = line:match "^<(%d%d?%d?)>()"
  if not digits then
    return {}, 1
  end
  local priority = math.tointeger(digits)
  if priority > 191 then
    return false
  end
  return { facility = FACILITIES[priority // 8], severity = SEVERITIES[priority % 8] }, behind
end

-- BSD syslog: <34>Oct 11 22:14:15 host tag[pid]: message. The priority may be missing, as in files;
-- the time may be one of RFC 3339.
function logs.syslog3164(line, now)
  check_now(now)
  local entry, at = begin_syslog(line)
  if not entry then
    return nil, "its priority is larger than 191"
  end
  local name, day, hour, minute, second, behind =
    line:match("^(%a%a%a) ([ %d]%d) (%d%d):(%d%d):(%d%d) ()", at)
  if name then
    entry.ts = MONTHS[name] and nearest(now, MONTHS[name], math.tointeger(day:match "%d+"),
      math.tointeger(hour), math.tointeger(minute), math.tointeger(second), 0)
  else
    local text
    text, behind = line:match("^(%d%d%d%d%-%S+) ()", at)
    entry.ts = text and read_time(S.time.iso, text)
  end
  if not entry.ts then
    return nil, "it has no time like Oct 11 22:14:15"
  end
  local host, message = line:match("^(%S+) (.*)$", behind)
  if not host then
    return nil, "it has no host"
  end
  entry.host = host
  local tag, pid, rest = message:match "^([^%s:%[]+)%[([^%]%s]*)%]: ?(.*)$"
  if not tag then
    tag, rest = message:match "^([^%s:%[]+): ?(.*)$"
  end
  entry.app, entry.pid, entry.message = tag, pid and present(pid), rest or message
  return entry
end

local STRUCTURE_ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["]"] = "]" }

-- One element of structured data at `at`: its name, its parameters, what stands behind it.
local function read_element(line, at)
  local id, from = line:match("^%[([^%s=%]\"]+)()", at)
  local values = {}
  while id do
    local behind = line:match("^%]()", from)
    if behind then
      return id, values, behind
    end
    local name, value_at = line:match("^ +([^%s=%]\"]+)=()", from)
    local value
    if name then
      value, from = quoted(line, value_at, STRUCTURE_ESCAPES)
    end
    if not value then
      return nil
    end
    values[name] = value
  end
end

local function read_structure(line, at)
  local data
  if line:sub(at, at) == "-" then
    return nil, at + 1
  end
  while line:sub(at, at) == "[" do
    local id, values, behind = read_element(line, at)
    if not id then
      return nil, nil
    end
    data = data or {}
    data[id], at = values, behind
  end
  return data, data and at
end

-- <165>1 2003-10-11T22:14:15.003Z host app pid id [name key="value"] message
function logs.syslog5424(line)
  local entry, at = begin_syslog(line)
  if not entry or at == 1 then
    return nil, "it does not begin with a priority up to <191>"
  end
  local time, host, app, pid, id, behind = line:match("^1 (%S+) (%S+) (%S+) (%S+) (%S+) ()", at)
  if not time then
    return nil, "behind its priority there is no: 1 time host app pid id"
  end
  if time ~= "-" then
    entry.ts = read_time(S.time.iso, time)
    if not entry.ts then
      return nil, ("its time is none: %s"):format(time:sub(1, 40))
    end
  end
  entry.host, entry.app = present(host), present(app)
  entry.pid, entry.id = present(pid), present(id)
  local data, message_at = read_structure(line, behind)
  if not message_at then
    return nil, "its structured data is malformed"
  end
  local message = line:sub(message_at)
  if message ~= "" and message:sub(1, 1) ~= " " then
    return nil, "its structured data is malformed"
  end
  entry.data = data
  entry.message = message:sub(2):gsub("^\xef\xbb\xbf", "") -- the mark of UTF-8
  return entry
end

-- Either of them, as the line says.
function logs.syslog(line, now)
  check_now(now)
  if line:find "^<%d+>1 " then
    return logs.syslog5424(line)
  end
  return logs.syslog3164(line, now)
end

-- --- Others --------------------------------------------------------------------------------------

local LEVELS = { I = "info", W = "warning", E = "error", F = "fatal" }

-- I1127 10:39:31.123456    4711 server.go:42] message
function logs.klog(line, now)
  check_now(now)
  local level, month, day, hour, minute, second, fraction, thread, file, number, message =
    line:match "^([IWEF])(%d%d)(%d%d) (%d%d):(%d%d):(%d%d)%.(%d+) +(%d+) ([^%s:]+):(%d+)%] ?(.*)$"
  if not level then
    return nil, "it is not like I1127 10:39:31.123456 4711 server.go:42] message"
  end
  local ts = nearest(now, math.tointeger(month), math.tointeger(day), math.tointeger(hour),
    math.tointeger(minute), math.tointeger(second), milliseconds(fraction))
  if not ts then
    return nil, "its time is none"
  end
  return {
    severity = LEVELS[level], ts = ts, thread = math.tointeger(thread), file = file,
    line = math.tointeger(number), message = message,
  }
end

-- A line that is one JSON object.
function logs.json(line)
  local is_good, value = pcall(S.json.decode, line)
  if not is_good then
    return nil, "it is not JSON"
  end
  if type(value) ~= "table" or not line:find "^%s*{" then
    return nil, "it is JSON, but no object"
  end
  return value
end

local LOGFMT_ESCAPES = { ['"'] = '"', ["\\"] = "\\", n = "\n", t = "\t", r = "\r", b = "\b",
  f = "\f" }

-- at=info path="/a b" cached: strings, and true for a key alone. A stream of such lines is better
-- read with value = "logfmt"; this is for lines inside of others.
function logs.logfmt(line)
  local entry, at = {}, line:match "^%s*()"
  while at <= #line do
    local key, behind = line:match('^([^%s="]+)()', at)
    if not key then
      return nil, ("there is no key at byte %d"):format(at)
    end
    local value, next_at = true, behind
    if line:sub(behind, behind) == "=" then
      value, next_at = line:match('^([^%s"]*)()', behind + 1)
      if value == "" then
        local text, text_behind = quoted(line, behind + 1, LOGFMT_ESCAPES)
        value, next_at = text or "", text and text_behind or next_at
      end
    end
    if next_at <= #line and not line:find("^%s", next_at) then
      return nil, ("the value of '%s' is malformed"):format(key:sub(1, 40))
    end
    entry[key] = value
    at = line:match("^%s*()", next_at)
  end
  return entry
end

return logs
