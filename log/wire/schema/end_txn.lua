-- EndTxn (key 26): commit or abort a transaction.
api { name = "EndTxn", key = 26, versions = "0-5", flexible = 3 }

request {
  { "transactional_id", "string" },
  { "producer_id",      "int64" },
  { "producer_epoch",   "int16" },
  { "is_committed",     "bool" },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16" },
  { "producer_id",      "int64", "5+", default = -1 }, -- of the next transaction (KIP-890)
  { "producer_epoch",   "int16", "5+", default = -1 },
}
