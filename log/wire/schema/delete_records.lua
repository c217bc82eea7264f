-- DeleteRecords (key 21): drop the records below an offset.
api { name = "DeleteRecords", key = 21, versions = "0-2", flexible = 2 }

request {
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",  "int32" },
      { "offset", "int64" }, -- -1: the high watermark
    } },
  } },
  { "timeout_ms", "int32" },
}

response {
  { "throttle_time_ms", "int32" },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",         "int32" },
      { "low_watermark", "int64" },
      { "error_code",    "int16" },
    } },
  } },
}
