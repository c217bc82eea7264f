-- AlterConfigs (key 33): replace all settings of a resource.
api { name = "AlterConfigs", key = 33, versions = "0-2", flexible = 2 }

request {
  { "resources", array "resource" {
    { "resource_type", "int8" }, -- 2: topic; 4: broker
    { "resource_name", "string" },
    { "configs", array "config" {
      { "name",  "string" },
      { "value", "string?" },
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
