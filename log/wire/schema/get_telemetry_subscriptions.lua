-- GetTelemetrySubscriptions (key 71, KIP-714): which metrics a client is asked for, and how often.
api { name = "GetTelemetrySubscriptions", key = 71, versions = "0", flexible = 0 }

request {
  { "client_instance_id", "uuid" }, -- zero: the broker makes one
}

response {
  { "throttle_time_ms",           "int32" },
  { "error_code",                 "int16" },
  { "client_instance_id",         "uuid" },
  { "subscription_id",            "int32" },
  { "accepted_compression_types", "int8[]" },
  { "push_interval_ms",           "int32" },
  { "telemetry_max_bytes",        "int32" },
  { "delta_temporality",          "bool" },
  { "requested_metrics",          "string[]" }, -- prefixes; one empty string: all
}
