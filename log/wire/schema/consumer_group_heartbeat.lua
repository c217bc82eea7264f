-- ConsumerGroupHeartbeat (key 68): join a consumer group, stay in it, leave it (KIP-848).
api { name = "ConsumerGroupHeartbeat", key = 68, versions = "0-1", flexible = 0 }

-- Null and -1 mean "as before".
request {
  { "group_id",               "string" },
  { "member_id",              "string" },
  -- 0: join; -1: leave; -2: a static member leaves for a while
  { "member_epoch",           "int32" },
  { "instance_id",            "string?", default = null },
  { "rack_id",                "string?", default = null },
  { "rebalance_timeout_ms",   "int32", default = -1 },
  { "subscribed_topic_names", "string[]?", default = null },
  { "subscribed_topic_regex", "string?", "1+", default = null },
  { "server_assignor",        "string?", default = null },
  { "topics", nullable = true, default = null, array "topic" { -- what the member owns
    { "topic_id",   "uuid" },
    { "partitions", "int32[]" },
  } },
}

response {
  { "throttle_time_ms",      "int32" },
  { "error_code",            "int16" },
  { "error_message",         "string?", default = null },
  { "member_id",             "string?", default = null },
  { "member_epoch",          "int32" },
  { "heartbeat_interval_ms", "int32" },
  { "assignment", nullable = true, default = null, struct "assignment" {
    { "topics", array "topic" {
      { "topic_id",   "uuid" },
      { "partitions", "int32[]" },
    } },
  } },
}
