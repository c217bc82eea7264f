-- Produce (key 0): append record batches to partitions.
api { name = "Produce", key = 0, versions = "3-13", flexible = 9 }

request {
  { "transactional_id", "string?", default = null },
  { "acks",             "int16" }, -- -1: all in-sync replicas; 0: no answer at all; 1: the leader
  { "timeout_ms",       "int32" },
  { "topics", array "topic" {
    { "name",     "string", "3-12" },
    { "topic_id", "uuid",   "13+" },
    { "partitions", array "partition" {
      { "index",   "int32" },
      { "records", "records?", default = null }, -- one batch of version 2
    } },
  } },
}

response {
  { "topics", array "topic" {
    { "name",     "string", "3-12" },
    { "topic_id", "uuid",   "13+" },
    { "partitions", array "partition" {
      { "index",              "int32" },
      { "error_code",         "int16" },
      { "base_offset",        "int64" },
      { "log_append_time_ms", "int64", default = -1 }, -- -1: the topic keeps create times
      { "log_start_offset",   "int64",   "5+", default = -1 },
      { "record_errors", "8+", array "record_error" { -- the records that got the batch refused
        { "batch_index", "int32" },
        { "message",     "string?", default = null },
      } },
      { "error_message",      "string?", "8+", default = null },
      { "current_leader", "10+", tag = 0, struct "current_leader" { -- with NOT_LEADER (KIP-951)
        { "leader_id",    "int32", default = -1 },
        { "leader_epoch", "int32", default = -1 },
      } },
    } },
  } },
  { "throttle_time_ms", "int32" },
  { "node_endpoints", "10+", tag = 0, array "node_endpoint" { -- where those leaders are
    { "node_id", "int32" },
    { "host",    "string" },
    { "port",    "int32" },
    { "rack",    "string?", default = null },
  } },
}
