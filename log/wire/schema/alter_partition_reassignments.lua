-- AlterPartitionReassignments (key 45, KIP-455): moves the copies of partitions, or stops a move.
api { name = "AlterPartitionReassignments", key = 45, versions = "0-1", flexible = 0 }

request {
  { "timeout_ms",                      "int32", default = 60000 },
  { "allow_replication_factor_change", "bool", "1+", default = true },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",    "int32" },
      { "replicas", "int32[]?", default = null }, -- null: stop the move
    } },
  } },
}

response {
  { "throttle_time_ms",                "int32" },
  { "allow_replication_factor_change", "bool", "1+", default = true },
  { "error_code",                      "int16" },
  { "error_message",                   "string?" },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",         "int32" },
      { "error_code",    "int16" },
      { "error_message", "string?" },
    } },
  } },
}
