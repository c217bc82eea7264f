-- DeleteTopics (key 20): delete topics; from version 6 also by topic id.
api { name = "DeleteTopics", key = 20, versions = "1-6", flexible = 4 }

request {
  { "topics", "6+", array "topic" {
    { "name",     "string?", default = null }, -- null: by topic_id
    { "topic_id", "uuid" },
  } },
  { "topic_names", "string[]", "1-5" },
  { "timeout_ms",  "int32" },
}

response {
  { "throttle_time_ms", "int32" },
  { "topics", array "topic" {
    { "name",          "string", nullable = "6+" },
    { "topic_id",      "uuid",    "6+" },
    { "error_code",    "int16" },
    { "error_message", "string?", "5+", default = null },
  } },
}
