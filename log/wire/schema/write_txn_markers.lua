-- WriteTxnMarkers (key 27): write the end of a transaction into partitions.
api { name = "WriteTxnMarkers", key = 27, versions = "1-2", flexible = 1 }

request {
  { "markers", array "marker" {
    { "producer_id",         "int64" },
    { "producer_epoch",      "int16" },
    { "is_committed",        "bool" },
    { "topics", array "topic" {
      { "name",              "string" },
      { "partition_indexes", "int32[]" },
    } },
    { "coordinator_epoch",   "int32" },
    { "transaction_version", "int8", "2+" },
  } },
}

response {
  { "markers", array "marker" {
    { "producer_id", "int64" },
    { "topics", array "topic" {
      { "name", "string" },
      { "partitions", array "partition" {
        { "index",      "int32" },
        { "error_code", "int16" },
      } },
    } },
  } },
}
