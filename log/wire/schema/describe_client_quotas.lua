-- DescribeClientQuotas (key 48, KIP-546): the limits of users, clients and addresses.
api { name = "DescribeClientQuotas", key = 48, versions = "0-1", flexible = 1 }

request {
  { "components", array "component" {
    { "entity_type", "string" },
    { "match_type",  "int8" },    -- 0 this name, 1 the default, 2 any that was named
    { "match",       "string?" },
  } },
  { "strict", "bool" }, -- only entities of no other types
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16" },
  { "error_message",    "string?" },
  { "entries", nullable = true, array "entry" {
    { "entity", array "entity" {
      { "entity_type", "string" },
      { "entity_name", "string?" }, -- null: the default
    } },
    { "values", array "value" {
      { "key",   "string" },
      { "value", "float64" },
    } },
  } },
}
