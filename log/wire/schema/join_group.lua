-- JoinGroup (key 11): become a member of a group; answered when the rebalance is over.
api { name = "JoinGroup", key = 11, versions = "0-9", flexible = 6 }

request {
  { "group_id",             "string" },
  { "session_timeout_ms",   "int32" },
  { "rebalance_timeout_ms", "int32",   "1+", default = -1 },
  { "member_id",            "string" }, -- empty for a new member
  { "group_instance_id",    "string?", "5+", default = null }, -- a static member (KIP-345)
  { "protocol_type",        "string" },
  { "protocols", array "protocol" { -- in the order of preference
    { "name",     "string" },
    { "metadata", "bytes" },
  } },
  { "reason",               "string?", "8+", default = null },
}

response {
  { "throttle_time_ms", "int32",   "2+" },
  { "error_code",       "int16" },
  { "generation_id",    "int32", default = -1 },
  { "protocol_type",    "string?", "7+", default = null },
  { "protocol_name",    "string", nullable = "7+" },
  { "leader",           "string" },
  { "skip_assignment",  "bool",    "9+" },
  { "member_id",        "string" },
  { "members", array "member" { -- filled for the leader only
    { "member_id",         "string" },
    { "group_instance_id", "string?", "5+", default = null },
    { "metadata",          "bytes" },
  } },
}
