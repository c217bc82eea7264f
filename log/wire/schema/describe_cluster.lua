-- DescribeCluster (key 60): the brokers of the cluster, without topics.
api { name = "DescribeCluster", key = 60, versions = "0-2", flexible = 0 }

request {
  { "include_cluster_authorized_operations", "bool" },
  -- 1: brokers; 2: controllers
  { "endpoint_type",                         "int8", "1+", default = 1 },
  { "include_fenced_brokers",                "bool", "2+" },
}

response {
  { "throttle_time_ms",              "int32" },
  { "error_code",                    "int16" },
  { "error_message",                 "string?", default = null },
  { "endpoint_type",                 "int8", "1+", default = 1 },
  { "cluster_id",                    "string" },
  { "controller_id",                 "int32", default = -1 },
  { "brokers", array "broker" {
    { "broker_id", "int32" },
    { "host",      "string" },
    { "port",      "int32" },
    { "rack",      "string?", default = null },
    { "is_fenced", "bool", "2+" },
  } },
  { "cluster_authorized_operations", "int32", default = INT32_MIN },
}
