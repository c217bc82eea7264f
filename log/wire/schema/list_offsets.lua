-- ListOffsets (key 2): find the first or last offset of a partition, or the offset at a time.
api { name = "ListOffsets", key = 2, versions = "1-11", flexible = 6 }

request {
  { "replica_id",      "int32" }, -- -1: a consumer
  { "isolation_level", "int8",  "2+" }, -- 0: read uncommitted; 1: read committed
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",                "int32" },
      { "current_leader_epoch", "int32", "4+", default = -1 },
      { "timestamp_ms",         "int64" }, -- -1: latest; -2: earliest; -3: largest timestamp
    } },
  } },
  { "timeout_ms",      "int32", "10+" },
}

response {
  { "throttle_time_ms", "int32", "2+" },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",        "int32" },
      { "error_code",   "int16" },
      { "timestamp_ms", "int64", default = -1 },
      { "offset",       "int64", default = -1 },
      { "leader_epoch", "int32", "4+", default = -1 },
    } },
  } },
}
