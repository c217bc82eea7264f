-- ApiVersions (key 18): which versions of which APIs the broker offers.
api { name = "ApiVersions", key = 18, versions = "0-4", flexible = 3 }

request {
  { "client_software_name",    "string", "3+" },
  { "client_software_version", "string", "3+" },
}

response {
  { "error_code",               "int16" },
  { "api_keys", array "api" {
    { "api_key",     "int16" },
    { "min_version", "int16" },
    { "max_version", "int16" },
  } },
  { "throttle_time_ms",         "int32", "1+" },
  { "supported_features", "3+", tag = 0, array "supported_feature" {
    { "name",        "string" },
    { "min_version", "int16" },
    { "max_version", "int16" },
  } },
  { "finalized_features_epoch", "int64", "3+", tag = 1, default = -1 }, -- -1: unknown
  { "finalized_features", "3+", tag = 2, array "finalized_feature" {
    { "name",              "string" },
    { "max_version_level", "int16" },
    { "min_version_level", "int16" },
  } },
  { "zk_migration_ready",       "bool",  "3+", tag = 3 },
}
