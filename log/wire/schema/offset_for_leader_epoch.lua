-- OffsetForLeaderEpoch (key 23): where a leader epoch ended, to detect truncation (KIP-320).
api { name = "OffsetForLeaderEpoch", key = 23, versions = "2-4", flexible = 4 }

request {
  { "replica_id", "int32", "3+", default = -2 }, -- -2: a consumer or a debugging tool
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",                "int32" },
      { "current_leader_epoch", "int32", default = -1 },
      { "leader_epoch",         "int32" },
    } },
  } },
}

response {
  { "throttle_time_ms", "int32" },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "error_code",   "int16" },
      { "index",        "int32" },
      { "leader_epoch", "int32", default = -1 },
      { "end_offset",   "int64", default = -1 }, -- -1: the epoch is unknown
    } },
  } },
}
