-- TxnOffsetCommit (key 28): remember how far a group has read, if the transaction commits.
api { name = "TxnOffsetCommit", key = 28, versions = "0-5", flexible = 3 }

request {
  { "transactional_id",  "string" },
  { "group_id",          "string" },
  { "producer_id",       "int64" },
  { "producer_epoch",    "int16" },
  { "generation_id",     "int32",   "3+", default = -1 }, -- -1: outside any generation
  { "member_id",         "string",  "3+" },
  { "group_instance_id", "string?", "3+", default = null },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",                  "int32" },
      { "committed_offset",       "int64" },
      { "committed_leader_epoch", "int32", "2+", default = -1 },
      { "committed_metadata",     "string?" },
    } },
  } },
}

response {
  { "throttle_time_ms", "int32" },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",      "int32" },
      { "error_code", "int16" },
    } },
  } },
}
