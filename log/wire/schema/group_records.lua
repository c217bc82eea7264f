-- What the group coordinator writes to __consumer_offsets: a key and a value per record,
-- each behind an int16 with its version.

-- Names a committed offset; both versions are the same.
record { name = "offset_commit_key", versions = "0-1" } {
  { "group",     "string" },
  { "topic",     "string" },
  { "partition", "int32" },
}

-- A committed offset; a null value deletes it.
record { name = "offset_commit_value", versions = "0-4", flexible = 4 } {
  { "offset",              "int64" },
  { "leader_epoch",        "int32", "3+", default = -1 },
  { "metadata",            "string" },
  { "commit_timestamp_ms", "int64" },
  { "expire_timestamp_ms", "int64", "1", default = -1 },
}

-- Names a group.
record { name = "group_metadata_key", versions = "2" } {
  { "group", "string" },
}

-- A generation of a group with its members and their assignments.
record { name = "group_metadata_value", versions = "0-4", flexible = 4 } {
  { "protocol_type",              "string" },
  { "generation",                 "int32" },
  { "protocol",                   "string?" },
  { "leader",                     "string?" },
  { "current_state_timestamp_ms", "int64", "2+", default = -1 },
  { "members", array "member" {
    { "member_id",            "string" },
    { "group_instance_id",    "string?", "3+", default = null },
    { "client_id",            "string" },
    { "client_host",          "string" },
    { "rebalance_timeout_ms", "int32",   "1+", default = -1 },
    { "session_timeout_ms",   "int32" },
    { "subscription",         "bytes" },
    { "assignment",           "bytes" },
  } },
}
