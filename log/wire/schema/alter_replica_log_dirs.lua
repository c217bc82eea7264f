-- AlterReplicaLogDirs (key 34, KIP-113): moves partitions between data directories of a broker.
api { name = "AlterReplicaLogDirs", key = 34, versions = "1-2", flexible = 2 }

request {
  { "dirs", array "dir" {
    { "path", "string" },
    { "topics", array "topic" {
      { "name",       "string" },
      { "partitions", "int32[]" },
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
