-- ElectLeaders (key 43, KIP-460): gives partitions back to their preferred leader, or any leader.
api { name = "ElectLeaders", key = 43, versions = "0-2", flexible = 2 }

request {
  { "election_type", "int8", "1+" }, -- 0 preferred, 1 unclean
  { "topics", nullable = true, array "topic" { -- null: all partitions
    { "name",       "string" },
    { "partitions", "int32[]" },
  } },
  { "timeout_ms", "int32", default = 60000 },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16", "1+" },
  { "results", array "result" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",         "int32" },
      { "error_code",    "int16" },
      { "error_message", "string?" },
    } },
  } },
}
