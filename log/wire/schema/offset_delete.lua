-- OffsetDelete (key 47): forget the offsets of a group for some partitions.
api { name = "OffsetDelete", key = 47, versions = "0" }

request {
  { "group_id", "string" },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index", "int32" },
    } },
  } },
}

response {
  { "error_code",       "int16" },
  { "throttle_time_ms", "int32" },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",      "int32" },
      { "error_code", "int16" },
    } },
  } },
}
