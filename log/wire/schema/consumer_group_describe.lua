-- ConsumerGroupDescribe (key 69): the state and the members of consumer groups (KIP-848).
api { name = "ConsumerGroupDescribe", key = 69, versions = "0-1", flexible = 0 }

request {
  { "groups",                        "string[]" },
  { "include_authorized_operations", "bool" },
}

response {
  { "throttle_time_ms", "int32" },
  { "groups", array "group" {
    { "error_code",       "int16" },
    { "error_message",    "string?", default = null },
    { "group_id",         "string" },
    { "group_state",      "string" },
    { "group_epoch",      "int32" },
    { "assignment_epoch", "int32" },
    { "assignor_name",    "string" },
    { "members", array "member" {
      { "member_id",              "string" },
      { "instance_id",            "string?", default = null },
      { "rack_id",                "string?", default = null },
      { "member_epoch",           "int32" },
      { "client_id",              "string" },
      { "client_host",            "string" },
      { "subscribed_topic_names", "string[]" },
      { "subscribed_topic_regex", "string?", default = null },
      { "assignment", struct "assignment" {
        { "topic_partitions", array "assignment_topic" {
          { "topic_id",   "uuid" },
          { "name",       "string" },
          { "partitions", "int32[]" },
        } },
      } },
      { "target_assignment", struct "target_assignment" {
        { "topic_partitions", array "target_topic" {
          { "topic_id",   "uuid" },
          { "name",       "string" },
          { "partitions", "int32[]" },
        } },
      } },
      { "member_type", "int8", "1+", default = -1 }, -- 0: a classic member; 1: a consumer member
    } },
    { "authorized_operations", "int32", default = INT32_MIN },
  } },
}
