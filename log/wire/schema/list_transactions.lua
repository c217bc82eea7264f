-- ListTransactions (key 66): the transactional ids this broker coordinates (KIP-664).
api { name = "ListTransactions", key = 66, versions = "0-2", flexible = 0 }

request {
  { "state_filters",            "string[]" },
  { "producer_id_filters",      "int64[]" },
  { "duration_filter_ms",       "int64",   "1+", default = -1 }, -- -1: of any duration
  { "transactional_id_pattern", "string?", "2+", default = null },
}

response {
  { "throttle_time_ms",      "int32" },
  { "error_code",            "int16" },
  { "unknown_state_filters", "string[]" },
  { "transactions", array "transaction" {
    { "transactional_id", "string" },
    { "producer_id",      "int64" },
    { "state",            "string" },
  } },
}
