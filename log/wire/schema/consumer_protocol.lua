-- What members of type "consumer" put into JoinGroup and SyncGroup: opaque to the broker,
-- each behind an int16 with its version.

-- JoinGroup: what a member wants and owns.
record { name = "consumer_protocol_subscription", versions = "0-3" } {
  { "topics",        "string[]" },
  { "user_data",     "bytes?", default = null },
  { "owned_partitions", "1+", array "topic" {
    { "name",       "string" },
    { "partitions", "int32[]" },
  } },
  { "generation_id", "int32",   "2+", default = -1 },
  { "rack_id",       "string?", "3+", default = null },
}

-- SyncGroup: what a member got.
record { name = "consumer_protocol_assignment", versions = "0-3" } {
  { "assigned_partitions", array "topic" {
    { "name",       "string" },
    { "partitions", "int32[]" },
  } },
  { "user_data", "bytes?", default = null },
}

-- Our own, behind what members say of copies (runtime/client/subscription.h): how far they have
-- read the changelogs of partitions whose state they have, and which of their copies warm up.
record { name = "member_positions", versions = "0" } {
  { "topics", array "topic" {
    { "name",       "string" },
    { "partitions", array "partition" {
      { "index",    "int32" },
      { "position", "int64" },
      { "end",      "int64" },
    } },
  } },
  { "warmups", array "warmup" {
    { "name",       "string" },
    { "partitions", "int32[]" },
  } },
}
