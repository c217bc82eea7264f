-- OffsetCommit (key 8): remember how far a group has read.
api { name = "OffsetCommit", key = 8, versions = "2-10", flexible = 8 }

request {
  { "group_id",                      "string" },
  { "generation_id_or_member_epoch", "int32", default = -1 }, -- -1: outside any generation
  { "member_id",                     "string" },
  { "group_instance_id",             "string?", "7+", default = null },
  -- -1: as the broker keeps them
  { "retention_time_ms",             "int64",   "2-4", default = -1 },
  { "topics", array "topic" {
    { "name",     "string", "2-9" },
    { "topic_id", "uuid",   "10+" },
    { "partitions", array "partition" {
      { "index",                  "int32" },
      { "committed_offset",       "int64" },
      { "committed_leader_epoch", "int32", "6+", default = -1 },
      { "committed_metadata",     "string?" },
    } },
  } },
}

response {
  { "throttle_time_ms", "int32", "3+" },
  { "topics", array "topic" {
    { "name",     "string", "2-9" },
    { "topic_id", "uuid",   "10+" },
    { "partitions", array "partition" {
      { "index",      "int32" },
      { "error_code", "int16" },
    } },
  } },
}
