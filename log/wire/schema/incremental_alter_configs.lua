-- IncrementalAlterConfigs (key 44): change single settings of a resource (KIP-339).
api { name = "IncrementalAlterConfigs", key = 44, versions = "0-1", flexible = 1 }

request {
  { "resources", array "resource" {
    { "resource_type", "int8" }, -- 2: topic; 4: broker
    { "resource_name", "string" },
    { "configs", array "config" {
      { "name",             "string" },
      { "config_operation", "int8" }, -- 0: set; 1: delete; 2: append; 3: subtract
      { "value",            "string?" },
    } },
  } },
  { "validate_only", "bool" },
}

response {
  { "throttle_time_ms", "int32" },
  { "resources", array "resource" {
    { "error_code",    "int16" },
    { "error_message", "string?" },
    { "resource_type", "int8" },
    { "resource_name", "string" },
  } },
}
