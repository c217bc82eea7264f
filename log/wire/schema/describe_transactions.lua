-- DescribeTransactions (key 65): the state of transactional ids (KIP-664).
api { name = "DescribeTransactions", key = 65, versions = "0", flexible = 0 }

request {
  { "transactional_ids", "string[]" },
}

response {
  { "throttle_time_ms", "int32" },
  { "transactions", array "transaction" {
    { "error_code",       "int16" },
    { "transactional_id", "string" },
    { "state",            "string" },
    { "timeout_ms",       "int32" },
    { "start_time_ms",    "int64" }, -- -1: none was begun
    { "producer_id",      "int64" },
    { "producer_epoch",   "int16" },
    { "topics", array "topic" {
      { "name",       "string" },
      { "partitions", "int32[]" },
    } },
  } },
}
