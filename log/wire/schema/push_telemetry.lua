-- PushTelemetry (key 72, KIP-714): a client's metrics, as OTLP metrics data.
api { name = "PushTelemetry", key = 72, versions = "0", flexible = 0 }

request {
  { "client_instance_id", "uuid" },
  { "subscription_id",    "int32" },
  { "terminating",        "bool" },
  { "compression_type",   "int8" },
  { "metrics",            "bytes" },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16" },
}
