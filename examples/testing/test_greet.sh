#!/bin/sh
# A test in shell: a broker of its own in memory, kcat as the client, one check.
set -eu

folder=$(mktemp -d)
mkfifo "$folder/ready"
"${TIDEMILL:-tidemill}" serve --memory --port 0 >"$folder/ready" &
broker=$!
trap 'kill $broker; wait $broker || true; rm -r "$folder"' EXIT

# tidemill 0.1.0 ready: kafka 127.0.0.1:41234, http off, data memory:
read -r _ _ _ _ address _ <"$folder/ready"
address=${address%,}

echo 'hello tide' | kcat -b "$address" -P -t greetings
greeting=$(kcat -b "$address" -C -t greetings -e -q)

[ "$greeting" = 'hello tide' ] || { echo "read '$greeting'" >&2; exit 1; }
