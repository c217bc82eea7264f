-- UpdateFeatures (key 57, KIP-584): changes finalized feature levels.
api { name = "UpdateFeatures", key = 57, versions = "0-2", flexible = 0 }

request {
  { "timeout_ms", "int32", default = 60000 },
  { "feature_updates", array "feature_update" {
    { "feature",           "string" },
    { "max_version_level", "int16" },                 -- 0: finalized no more
    { "allow_downgrade",   "bool", "0" },
    { "upgrade_type",      "int8", "1+", default = 1 }, -- 1 upgrade, 2 safe downgrade, 3 unsafe one
  } },
  { "validate_only", "bool", "1+" },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16" },
  { "error_message",    "string?" },
  { "results", "0-1", array "result" {
    { "feature",       "string" },
    { "error_code",    "int16" },
    { "error_message", "string?" },
  } },
}
