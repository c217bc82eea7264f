-- DescribeConfigs (key 32): the settings of topics and brokers, with their sources.
api { name = "DescribeConfigs", key = 32, versions = "1-4", flexible = 4 }

request {
  { "resources", array "resource" {
    { "resource_type",      "int8" }, -- 2: topic; 4: broker; 8: broker logger
    { "resource_name",      "string" },
    { "configuration_keys", "string[]?" }, -- null: all
  } },
  { "include_synonyms",      "bool" },
  { "include_documentation", "bool", "3+" },
}

response {
  { "throttle_time_ms", "int32" },
  { "results", array "result" {
    { "error_code",    "int16" },
    { "error_message", "string?" },
    { "resource_type", "int8" },
    { "resource_name", "string" },
    { "configs", array "config" {
      { "name",          "string" },
      { "value",         "string?" },
      { "read_only",     "bool" },
      -- 1: topic; 2: broker; 3: cluster; 4: file; 5: default
      { "config_source", "int8", default = -1 },
      { "is_sensitive",  "bool" },
      { "synonyms", array "synonym" {
        { "name",   "string" },
        { "value",  "string?" },
        { "source", "int8" },
      } },
      { "config_type",   "int8",    "3+" },
      { "documentation", "string?", "3+" },
    } },
  } },
}
