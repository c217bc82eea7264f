-- ListPartitionReassignments (key 46, KIP-455): copies of partitions that are being moved.
api { name = "ListPartitionReassignments", key = 46, versions = "0", flexible = 0 }

request {
  { "timeout_ms", "int32", default = 60000 },
  { "topics", nullable = true, default = null, array "topic" { -- null: all
    { "name",       "string" },
    { "partitions", "int32[]" },
  } },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16" },
  { "error_message",    "string?" },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",             "int32" },
      { "replicas",          "int32[]" },
      { "adding_replicas",   "int32[]" },
      { "removing_replicas", "int32[]" },
    } },
  } },
}
