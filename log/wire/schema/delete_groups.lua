-- DeleteGroups (key 42): delete empty groups with their offsets.
api { name = "DeleteGroups", key = 42, versions = "0-2", flexible = 2 }

request {
  { "group_names", "string[]" },
}

response {
  { "throttle_time_ms", "int32" },
  { "results", array "result" {
    { "group_id",   "string" },
    { "error_code", "int16" },
  } },
}
