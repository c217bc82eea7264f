-- What the transaction coordinator writes to __transaction_state: a key and a value per record,
-- each behind an int16 with its version.

-- Names a transactional id.
record { name = "transaction_log_key", versions = "0" } {
  { "transactional_id", "string" },
}

-- The state of a transactional id; a null value forgets it.
record { name = "transaction_log_value", versions = "0-1", flexible = 1 } {
  { "producer_id",    "int64" },
  { "producer_epoch", "int16" },
  { "timeout_ms",     "int32" },
  { "state",          "int8" },
  { "partitions", nullable = true, array "topic" { -- null: none
    { "name",    "string" },
    { "indexes", "int32[]" },
  } },
  { "last_update_ms", "int64" },
  { "start_ms",       "int64" }, -- -1: none was begun
  { "previous_producer_id",       "int64", "1+", tag = 0, default = -1 },
  { "next_producer_id",           "int64", "1+", tag = 1, default = -1 }, -- when epochs run out
  { "client_transaction_version", "int16", "1+", tag = 2 },
}
