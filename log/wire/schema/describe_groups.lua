-- DescribeGroups (key 15): the state and the members of groups.
api { name = "DescribeGroups", key = 15, versions = "0-6", flexible = 5 }

request {
  { "groups",                        "string[]" },
  { "include_authorized_operations", "bool", "3+" },
}

response {
  { "throttle_time_ms", "int32", "1+" },
  { "groups", array "group" {
    { "error_code",            "int16" },
    { "error_message",         "string?", "6+", default = null },
    { "group_id",              "string" },
    { "group_state",           "string" },
    { "protocol_type",         "string" },
    { "protocol_data",         "string" },
    { "members", array "member" {
      { "member_id",         "string" },
      { "group_instance_id", "string?", "4+", default = null },
      { "client_id",         "string" },
      { "client_host",       "string" },
      { "member_metadata",   "bytes" },
      { "member_assignment", "bytes" },
    } },
    { "authorized_operations", "int32",   "3+", default = INT32_MIN },
  } },
}
