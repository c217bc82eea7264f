-- SyncGroup (key 14): hand in (the leader) and fetch (everybody) the assignment of a generation.
api { name = "SyncGroup", key = 14, versions = "0-5", flexible = 4 }

request {
  { "group_id",          "string" },
  { "generation_id",     "int32" },
  { "member_id",         "string" },
  { "group_instance_id", "string?", "3+", default = null },
  { "protocol_type",     "string?", "5+", default = null },
  { "protocol_name",     "string?", "5+", default = null },
  { "assignments", array "assignment" { -- filled by the leader only
    { "member_id",  "string" },
    { "assignment", "bytes" },
  } },
}

response {
  { "throttle_time_ms", "int32",   "1+" },
  { "error_code",       "int16" },
  { "protocol_type",    "string?", "5+", default = null },
  { "protocol_name",    "string?", "5+", default = null },
  { "assignment",       "bytes" },
}
