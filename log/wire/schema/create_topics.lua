-- CreateTopics (key 19): create topics.
api { name = "CreateTopics", key = 19, versions = "2-7", flexible = 5 }

request {
  { "topics", array "topic" {
    { "name",               "string" },
    { "partition_count",    "int32" }, -- -1: as the broker has it, or by assignments
    { "replication_factor", "int16" }, -- -1: likewise
    { "assignments", array "assignment" {
      { "partition_index", "int32" },
      { "broker_ids",      "int32[]" },
    } },
    { "configs", array "config" {
      { "name",  "string" },
      { "value", "string?" },
    } },
  } },
  { "timeout_ms",    "int32", default = 60000 },
  { "validate_only", "bool" },
}

response {
  { "throttle_time_ms", "int32" },
  { "topics", array "topic" {
    { "name",                    "string" },
    { "topic_id",                "uuid",  "7+" },
    { "error_code",              "int16" },
    { "error_message",           "string?" },
    { "topic_config_error_code", "int16", "5+", tag = 0 }, -- why configs is null
    { "partition_count",         "int32", "5+", default = -1 },
    { "replication_factor",      "int16", "5+", default = -1 },
    { "configs", "5+", nullable = true, array "config" {
      { "name",          "string" },
      { "value",         "string?" },
      { "read_only",     "bool" },
      { "config_source", "int8", default = -1 },
      { "is_sensitive",  "bool" },
    } },
  } },
}
