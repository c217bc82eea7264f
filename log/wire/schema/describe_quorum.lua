-- DescribeQuorum (key 55, KIP-595): who keeps the metadata log, and how far everybody is.
api { name = "DescribeQuorum", key = 55, versions = "0-2", flexible = 0 }

request {
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index", "int32" },
    } },
  } },
}

response {
  { "error_code",    "int16" },
  { "error_message", "string?", "2+", default = null },
  { "topics", array "topic" {
    { "name", "string" },
    { "partitions", array "partition" {
      { "index",          "int32" },
      { "error_code",     "int16" },
      { "error_message",  "string?", "2+", default = null },
      { "leader_id",      "int32" },
      { "leader_epoch",   "int32" },
      { "high_watermark", "int64" },
      { "current_voters", array "voter" {
        { "replica_id",           "int32" },
        { "replica_directory_id", "uuid",  "2+" },
        { "log_end_offset",       "int64" },
        { "last_fetch_ms",        "int64", "1+", default = -1 },
        { "last_caught_up_ms",    "int64", "1+", default = -1 },
      } },
      { "observers", array "observer" {
        { "replica_id",           "int32" },
        { "replica_directory_id", "uuid",  "2+" },
        { "log_end_offset",       "int64" },
        { "last_fetch_ms",        "int64", "1+", default = -1 },
        { "last_caught_up_ms",    "int64", "1+", default = -1 },
      } },
    } },
  } },
  { "nodes", "2+", array "node" {
    { "node_id", "int32" },
    { "listeners", array "listener" {
      { "name", "string" },
      { "host", "string" },
      { "port", "uint16" },
    } },
  } },
}
