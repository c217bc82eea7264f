-- LeaveGroup (key 13): stop being a member; from version 3 for many members at once.
api { name = "LeaveGroup", key = 13, versions = "0-5", flexible = 4 }

request {
  { "group_id",  "string" },
  { "member_id", "string", "0-2" },
  { "members", "3+", array "member" {
    { "member_id",         "string" },
    { "group_instance_id", "string?", default = null },
    { "reason",            "string?", "5+", default = null },
  } },
}

response {
  { "throttle_time_ms", "int32", "1+" },
  { "error_code",       "int16" },
  { "members", "3+", array "member" {
    { "member_id",         "string" },
    { "group_instance_id", "string?" },
    { "error_code",        "int16" },
  } },
}
