-- CreatePartitions (key 37): give topics more partitions.
api { name = "CreatePartitions", key = 37, versions = "0-3", flexible = 2 }

request {
  { "topics", array "topic" {
    { "name",  "string" },
    { "count", "int32" }, -- the new total
    { "assignments", nullable = true, array "assignment" { -- null: the controller chooses
      { "broker_ids", "int32[]" },
    } },
  } },
  { "timeout_ms",    "int32" },
  { "validate_only", "bool" },
}

response {
  { "throttle_time_ms", "int32" },
  { "results", array "result" {
    { "name",          "string" },
    { "error_code",    "int16" },
    { "error_message", "string?", default = null },
  } },
}
