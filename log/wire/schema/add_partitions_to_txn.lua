-- AddPartitionsToTxn (key 24): partitions become part of a transaction.
api { name = "AddPartitionsToTxn", key = 24, versions = "0-5", flexible = 3 }

request {
  { "transactions", "4+", array "transaction" {
    { "transactional_id", "string" },
    { "producer_id",      "int64" },
    { "producer_epoch",   "int16" },
    { "is_verify_only",   "bool" }, -- only asks whether they are part of it
    { "topics", array "topic" {
      { "name",       "string" },
      { "partitions", "int32[]" },
    } },
  } },
  { "transactional_id", "string", "0-3" },
  { "producer_id",      "int64",  "0-3" },
  { "producer_epoch",   "int16",  "0-3" },
  { "topics", "0-3", array "own_topic" {
    { "name",       "string" },
    { "partitions", "int32[]" },
  } },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16", "4+" },
  { "transactions", "4+", array "transaction" {
    { "transactional_id", "string" },
    { "topics", array "topic" {
      { "name", "string" },
      { "partitions", array "partition" {
        { "index",      "int32" },
        { "error_code", "int16" },
      } },
    } },
  } },
  { "topics", "0-3", array "own_topic" {
    { "name", "string" },
    { "partitions", array "own_partition" {
      { "index",      "int32" },
      { "error_code", "int16" },
    } },
  } },
}
