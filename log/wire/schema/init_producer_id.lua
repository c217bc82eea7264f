-- InitProducerId (key 22): get a producer id for idempotence or transactions.
api { name = "InitProducerId", key = 22, versions = "0-6", flexible = 2 }

request {
  { "transactional_id",          "string?" }, -- null: idempotence only
  { "transaction_timeout_ms",    "int32" },
  { "producer_id",               "int64", "3+", default = -1 },
  { "producer_epoch",            "int16", "3+", default = -1 },
  { "enable_two_phase_commit",   "bool",  "6+" },
  { "keep_prepared_transaction", "bool",  "6+" },
}

response {
  { "throttle_time_ms",                   "int32" },
  { "error_code",                         "int16" },
  { "producer_id",                        "int64", default = -1 },
  { "producer_epoch",                     "int16" },
  { "ongoing_transaction_producer_id",    "int64", "6+", default = -1 },
  { "ongoing_transaction_producer_epoch", "int16", "6+", default = -1 },
}
