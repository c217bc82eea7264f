-- DescribeProducers (key 61): the producers a partition remembers (KIP-664).
api { name = "DescribeProducers", key = 61, versions = "0", flexible = 0 }

request {
  { "topics", array "topic" {
    { "name",              "string" },
    { "partition_indexes", "int32[]" },
  } },
}

response {
  { "throttle_time_ms", "int32" },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",         "int32" },
      { "error_code",    "int16" },
      { "error_message", "string?", default = null },
      { "active_producers", array "active_producer" {
        { "producer_id",                      "int64" },
        { "producer_epoch",                   "int32" },
        { "last_sequence",                    "int32", default = -1 },
        { "last_timestamp_ms",                "int64", default = -1 },
        { "coordinator_epoch",                "int32" },
        { "current_transaction_start_offset", "int64", default = -1 }, -- -1: no open transaction
      } },
    } },
  } },
}
