-- UnregisterBroker (key 64, KIP-500): forgets a broker that is gone for good.
api { name = "UnregisterBroker", key = 64, versions = "0", flexible = 0 }

request {
  { "broker_id", "int32" },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16" },
  { "error_message",    "string?" },
}
