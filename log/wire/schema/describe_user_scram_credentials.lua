-- DescribeUserScramCredentials (key 50, KIP-554): which users have SCRAM credentials.
api { name = "DescribeUserScramCredentials", key = 50, versions = "0", flexible = 0 }

request {
  { "users", nullable = true, array "user" { -- null or empty: all
    { "name", "string" },
  } },
}

response {
  { "throttle_time_ms", "int32" },
  { "error_code",       "int16" },
  { "error_message",    "string?" },
  { "results", array "result" {
    { "user",          "string" },
    { "error_code",    "int16" },
    { "error_message", "string?" },
    { "credential_infos", array "credential_info" {
      { "mechanism",  "int8" },
      { "iterations", "int32" },
    } },
  } },
}
