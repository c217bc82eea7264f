-- OffsetFetch (key 9): ask how far a group has read; from version 8 for many groups at once.
api { name = "OffsetFetch", key = 9, versions = "1-10", flexible = 6 }

request {
  { "group_id",       "string", "1-7" },
  { "topics", "1-7", nullable = "2+", array "topic" { -- null: all
    { "name",              "string" },
    { "partition_indexes", "int32[]" },
  } },
  { "groups", "8+", array "group" {
    { "group_id",     "string" },
    { "member_id",    "string?", "9+", default = null },
    { "member_epoch", "int32",   "9+", default = -1 },
    { "topics", nullable = true, array "group_topic" { -- null: all
      { "name",              "string", "8-9" },
      { "topic_id",          "uuid",   "10+" },
      { "partition_indexes", "int32[]" },
    } },
  } },
  { "require_stable", "bool",   "7+" }, -- wait for open transactions (KIP-447)
}

response {
  { "throttle_time_ms", "int32", "3+" },
  { "topics", "1-7", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",                  "int32" },
      { "committed_offset",       "int64" }, -- -1: none
      { "committed_leader_epoch", "int32", "5+", default = -1 },
      { "metadata",               "string?" },
      { "error_code",             "int16" },
    } },
  } },
  { "error_code",       "int16", "2-7" },
  { "groups", "8+", array "group" {
    { "group_id",   "string" },
    { "topics", array "group_topic" {
      { "name",     "string", "8-9" },
      { "topic_id", "uuid",   "10+" },
      { "partitions", array "group_partition" {
        { "index",                  "int32" },
        { "committed_offset",       "int64" }, -- -1: none
        { "committed_leader_epoch", "int32", default = -1 },
        { "metadata",               "string?" },
        { "error_code",             "int16" },
      } },
    } },
    { "error_code", "int16" },
  } },
}
