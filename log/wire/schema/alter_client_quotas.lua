-- AlterClientQuotas (key 49, KIP-546): sets and removes limits of users, clients and addresses.
api { name = "AlterClientQuotas", key = 49, versions = "0-1", flexible = 1 }

request {
  { "entries", array "entry" {
    { "entity", array "entity" {
      { "entity_type", "string" },
      { "entity_name", "string?" }, -- null: the default
    } },
    { "operations", array "operation" {
      { "key",    "string" },
      { "value",  "float64" },
      { "remove", "bool" },
    } },
  } },
  { "validate_only", "bool" },
}

response {
  { "throttle_time_ms", "int32" },
  { "entries", array "entry" {
    { "error_code",    "int16" },
    { "error_message", "string?" },
    { "entity", array "entity" {
      { "entity_type", "string" },
      { "entity_name", "string?" },
    } },
  } },
}
