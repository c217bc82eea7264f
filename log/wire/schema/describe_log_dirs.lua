-- DescribeLogDirs (key 35): the sizes of the partitions in the data directories.
api { name = "DescribeLogDirs", key = 35, versions = "1-5", flexible = 2 }

request {
  { "topics", nullable = true, array "topic" { -- null: all
    { "name",       "string" },
    { "partitions", "int32[]" },
  } },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16", "3+" },
  { "results", array "result" {
    { "error_code",   "int16" },
    { "log_dir",      "string" },
    { "topics", array "topic" {
      { "name", "string" },
      { "partitions", array "partition" {
        { "index",          "int32" },
        { "partition_size", "int64" },
        { "offset_lag",     "int64" },
        { "is_future_key",  "bool" },
      } },
    } },
    { "total_bytes",  "int64", "4+", default = -1 }, -- of the volume; -1: unknown
    { "usable_bytes", "int64", "4+", default = -1 },
    { "is_cordoned",  "bool",  "5+" },
  } },
}
