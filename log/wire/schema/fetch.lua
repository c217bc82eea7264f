-- Fetch (key 1): read record batches from partitions; followers copy with it too.
api { name = "Fetch", key = 1, versions = "4-18", flexible = 12 }

request {
  { "cluster_id",      "string?", "12+", tag = 0, default = null },
  { "replica_id",      "int32",   "4-14", default = -1 }, -- -1: a consumer
  -- from version 15 instead of replica_id
  { "replica_state", "15+", tag = 1, struct "replica_state" {
    { "replica_id",    "int32", default = -1 },
    { "replica_epoch", "int64", default = -1 },
  } },
  { "max_wait_ms",     "int32" },
  { "min_bytes",       "int32" },
  { "max_bytes",       "int32", default = INT32_MAX },
  { "isolation_level", "int8" }, -- 0: read uncommitted; 1: read committed
  { "session_id",      "int32",   "7+" }, -- 0: no session (KIP-227)
  -- -1: no session or its end; 0: a new session
  { "session_epoch",   "int32",   "7+", default = -1 },
  { "topics", array "topic" {
    { "name",     "string", "4-12" },
    { "topic_id", "uuid",   "13+" },
    { "partitions", array "partition" {
      { "index",                "int32" },
      { "current_leader_epoch", "int32", "9+", default = -1 },
      { "fetch_offset",         "int64" },
      { "last_fetched_epoch",   "int32", "12+", default = -1 },
      { "log_start_offset",     "int64", "5+", default = -1 },
      { "partition_max_bytes",  "int32" },
      { "replica_directory_id", "uuid",  "17+", tag = 0 },
      -- the follower's own (KIP-1166)
      { "high_watermark",       "int64", "18+", tag = 1, default = INT64_MAX },
    } },
  } },
  { "forgotten_topics", "7+", array "forgotten_topic" { -- leave the session
    { "name",       "string", "7-12" },
    { "topic_id",   "uuid",   "13+" },
    { "partitions", "int32[]" },
  } },
  { "rack_id",         "string",  "11+" },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16", "7+" },
  { "session_id",       "int32", "7+" },
  { "topics", array "topic" {
    { "name",     "string", "4-12" },
    { "topic_id", "uuid",   "13+" },
    { "partitions", array "partition" {
      { "index",                  "int32" },
      { "error_code",             "int16" },
      { "high_watermark",         "int64" },
      { "last_stable_offset",     "int64", default = -1 },
      { "log_start_offset",       "int64", "5+", default = -1 },
      -- the follower must truncate (KIP-595)
      { "diverging_epoch", "12+", tag = 0, struct "diverging_epoch" {
        { "epoch",      "int32", default = -1 },
        { "end_offset", "int64", default = -1 },
      } },
      -- with NOT_LEADER and epoch errors
      { "current_leader", "12+", tag = 1, struct "current_leader" {
        { "leader_id",    "int32", default = -1 },
        { "leader_epoch", "int32", default = -1 },
      } },
      { "snapshot_id", "12+", tag = 2, struct "snapshot_id" { -- fetch this snapshot first (KIP-630)
        { "end_offset", "int64", default = -1 },
        { "epoch",      "int32", default = -1 },
      } },
      -- ordered by first_offset
      { "aborted_transactions", nullable = true, array "aborted_transaction" {
        { "producer_id",  "int64" },
        { "first_offset", "int64" },
      } },
      { "preferred_read_replica", "int32", "11+", default = -1 }, -- -1: read here (KIP-392)
      { "records",                "records?", default = null }, -- the last batch may be cut off
    } },
  } },
  { "node_endpoints", "16+", tag = 0, array "node_endpoint" { -- where the current leaders are
    { "node_id", "int32" },
    { "host",    "string" },
    { "port",    "int32" },
    { "rack",    "string?", default = null },
  } },
}
