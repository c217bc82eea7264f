-- Metadata (key 3): the brokers of the cluster, its topics and who leads their partitions.
api { name = "Metadata", key = 3, versions = "0-13", flexible = 9 }

request {
  { "topics", nullable = "1+", array "topic" { -- null: all; version 0 says all with an empty array
    { "topic_id", "uuid", "10+" },
    { "name",     "string", nullable = "10+" },
  } },
  { "allow_auto_topic_creation",             "bool", "4+", default = true },
  { "include_cluster_authorized_operations", "bool", "8-10" },
  { "include_topic_authorized_operations",   "bool", "8+" },
}

response {
  { "throttle_time_ms",              "int32",   "3+" },
  { "brokers", array "broker" {
    { "node_id", "int32" },
    { "host",    "string" },
    { "port",    "int32" },
    { "rack",    "string?", "1+", default = null },
  } },
  { "cluster_id",                    "string?", "2+", default = null },
  { "controller_id",                 "int32",   "1+", default = -1 },
  { "topics", array "topic" {
    { "error_code",            "int16" },
    { "name",                  "string", nullable = "12+" },
    { "topic_id",              "uuid",  "10+" },
    { "is_internal",           "bool",  "1+" },
    { "partitions", array "partition" {
      { "error_code",       "int16" },
      { "index",            "int32" },
      { "leader_id",        "int32" },
      { "leader_epoch",     "int32",   "7+", default = -1 },
      { "replica_nodes",    "int32[]" },
      { "isr_nodes",        "int32[]" },
      { "offline_replicas", "int32[]", "5+" },
    } },
    -- a bit field; INT32_MIN: not asked for
    { "authorized_operations", "int32", "8+", default = INT32_MIN },
  } },
  { "cluster_authorized_operations", "int32",   "8-10", default = INT32_MIN }, -- as for topics
  { "error_code",                    "int16",   "13+" },
}
