-- ListConfigResources (key 74, KIP-1142): what has configurations. Version 0: client metrics only.
api { name = "ListConfigResources", key = 74, versions = "0-1", flexible = 0 }

request {
  { "resource_types", "int8[]", "1+" }, -- empty: every kind
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16" },
  { "config_resources", array "config_resource" {
    { "resource_name", "string" },
    { "resource_type", "int8", "1+", default = 16 },
  } },
}
