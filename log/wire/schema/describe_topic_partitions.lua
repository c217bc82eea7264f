-- DescribeTopicPartitions (key 75, KIP-966): topics page by page, with the replicas that may lead.
api { name = "DescribeTopicPartitions", key = 75, versions = "0", flexible = 0 }

request {
  { "topics", array "topic" {
    { "name", "string" },
  } },
  { "response_partition_limit", "int32", default = 2000 },
  { "cursor", nullable = true, default = null, struct "cursor" { -- where the page begins
    { "name",  "string" },
    { "index", "int32" },
  } },
}

response {
  { "throttle_time_ms", "int32" },
  { "topics", array "topic" {
    { "error_code",            "int16" },
    { "name",                  "string?" },
    { "topic_id",              "uuid" },
    { "is_internal",           "bool" },
    { "partitions", array "partition" {
      { "error_code",                "int16" },
      { "index",                     "int32" },
      { "leader_id",                 "int32" },
      { "leader_epoch",              "int32",  default = -1 },
      { "replica_nodes",             "int32[]" },
      { "isr_nodes",                 "int32[]" },
      { "eligible_leader_replicas",  "int32[]?", default = null },
      { "last_known_elr",            "int32[]?", default = null },
      { "offline_replicas",          "int32[]" },
    } },
    { "authorized_operations", "int32", default = INT32_MIN },
  } },
  { "next_cursor", nullable = true, default = null, struct "next_cursor" { -- null: the last page
    { "name",  "string" },
    { "index", "int32" },
  } },
}
