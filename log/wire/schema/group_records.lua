-- What the group coordinator writes to __consumer_offsets: a key and a value per record,
-- each behind an int16 with its version.

-- Names a committed offset; both versions are the same.
record { name = "offset_commit_key", versions = "0-1" } {
  { "group",     "string" },
  { "topic",     "string" },
  { "partition", "int32" },
}

-- A committed offset; a null value deletes it.
record { name = "offset_commit_value", versions = "0-4", flexible = 4 } {
  { "offset",              "int64" },
  { "leader_epoch",        "int32", "3+", default = -1 },
  { "metadata",            "string" },
  { "commit_timestamp_ms", "int64" },
  { "expire_timestamp_ms", "int64", "1", default = -1 },
}

-- Names a group.
record { name = "group_metadata_key", versions = "2" } {
  { "group", "string" },
}

-- A generation of a group with its members and their assignments.
record { name = "group_metadata_value", versions = "0-4", flexible = 4 } {
  { "protocol_type",              "string" },
  { "generation",                 "int32" },
  { "protocol",                   "string?" },
  { "leader",                     "string?" },
  { "current_state_timestamp_ms", "int64", "2+", default = -1 },
  { "members", array "member" {
    { "member_id",            "string" },
    { "group_instance_id",    "string?", "3+", default = null },
    { "client_id",            "string" },
    { "client_host",          "string" },
    { "rebalance_timeout_ms", "int32",   "1+", default = -1 },
    { "session_timeout_ms",   "int32" },
    { "subscription",         "bytes" },
    { "assignment",           "bytes" },
  } },
}

-- A consumer group (KIP-848): its epoch, and the state of the topics its assignment is meant for.
record { name = "consumer_group_metadata_key", versions = "3" } {
  { "group_id", "string" },
}
record { name = "consumer_group_metadata_value", versions = "0", flexible = 0 } {
  { "epoch",         "int32" },
  { "metadata_hash", "int64", tag = 0, default = 0 },
}

-- The topics of a consumer group as older brokers kept them; read and dropped.
record { name = "consumer_group_partition_metadata_key", versions = "4" } {
  { "group_id", "string" },
}

-- What a member said of itself.
record { name = "consumer_group_member_metadata_key", versions = "5" } {
  { "group_id",  "string" },
  { "member_id", "string" },
}
record { name = "consumer_group_member_metadata_value", versions = "0", flexible = 0 } {
  { "instance_id",            "string?", default = null },
  { "rack_id",                "string?", default = null },
  { "client_id",              "string" },
  { "client_host",            "string" },
  { "subscribed_topic_names", "string[]" },
  { "subscribed_topic_regex", "string?", default = null },
  { "rebalance_timeout_ms",   "int32", default = -1 },
  { "server_assignor",        "string?", default = null },
  -- Only of a member that speaks the classic protocol.
  { "classic_member_metadata", tag = 0, nullable = true, default = null, struct "classic" {
    { "session_timeout_ms", "int32" },
    { "supported_protocols", array "classic_protocol" {
      { "name",     "string" },
      { "metadata", "bytes" },
    } },
  } },
}

-- The group epoch for which the target assignments were made.
record { name = "consumer_group_target_metadata_key", versions = "6" } {
  { "group_id", "string" },
}
record { name = "consumer_group_target_metadata_value", versions = "0", flexible = 0 } {
  { "assignment_epoch",        "int32" },
  { "assignment_timestamp_ms", "int64", tag = 0, default = 0 },
}

-- What a member shall have.
record { name = "consumer_group_target_member_key", versions = "7" } {
  { "group_id",  "string" },
  { "member_id", "string" },
}
record { name = "consumer_group_target_member_value", versions = "0", flexible = 0 } {
  { "topic_partitions", array "topic" {
    { "topic_id",   "uuid" },
    { "partitions", "int32[]" },
  } },
}

-- What a member has.
record { name = "consumer_group_current_member_key", versions = "8" } {
  { "group_id",  "string" },
  { "member_id", "string" },
}
record { name = "consumer_group_current_member_value", versions = "0", flexible = 0 } {
  { "member_epoch",          "int32" },
  { "previous_member_epoch", "int32" },
  { "member_state",          "int8" },
  { "assigned_partitions", array "assigned_topic" {
    { "topic_id",   "uuid" },
    { "partitions", "int32[]" },
    -- When each partition came to the member (KIP-1251); null: with its epoch.
    { "assignment_epochs", "int32[]?", tag = 0, default = null },
  } },
  { "partitions_pending_revocation", array "revoked_topic" {
    { "topic_id",   "uuid" },
    { "partitions", "int32[]" },
    { "assignment_epochs", "int32[]?", tag = 0, default = null },
  } },
}

-- The topics that a regular expression of the group stood for.
record { name = "consumer_group_regex_key", versions = "16" } {
  { "group_id",           "string" },
  { "regular_expression", "string" },
}
record { name = "consumer_group_regex_value", versions = "0", flexible = 0 } {
  { "topics",       "string[]" },
  { "version",      "int64" },
  { "timestamp_ms", "int64" },
}
