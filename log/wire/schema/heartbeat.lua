-- Heartbeat (key 12): stay a member of a group.
api { name = "Heartbeat", key = 12, versions = "0-4", flexible = 4 }

request {
  { "group_id",          "string" },
  { "generation_id",     "int32" },
  { "member_id",         "string" },
  { "group_instance_id", "string?", "3+", default = null },
}

response {
  { "throttle_time_ms", "int32", "1+" },
  { "error_code",       "int16" },
}
