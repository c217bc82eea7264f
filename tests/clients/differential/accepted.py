"""Differences from Apache Kafka that are meant: what they are about, and why."""

import re

# (pattern, reason); searched in "scenario: label path".
ROWS = [
    (r"^frames: versions 99", "a version of the future is answered even without a whole header"),
    (r"^frames: (negative array|tag twice)", "a size below -1, a tag given twice: malformed"),
    (r"^api_versions: (no|odd|dash)", "a client may call itself what it likes"),
    (r"^metadata: neither", "Kafka fails on its own null"),
    (r"^metadata: (id too early|name and id) .*\.(brokers|controller_id)",
     "one wrong topic does not hide the cluster"),
    (r"min\.insync\.replicas\.(config_source|synonyms)",
     "Kafka sets it for the cluster with its feature eligible.leader.replicas"),
    (r"^create_topics: validate .*topic_id", "nothing was made that could have an id"),
    (r"^create_topics: collision inside", "names of one request collide with each other too"),
    (r"^create_topics: config spaces .*value", "values are kept in their canonical form"),
    (r"^delete_topics: name and id of one .*topic_id", "the answer is to the name"),
    (r"^describe_configs: synonyms .*synonyms", "every layer that has a value is listed"),
    (r"^describe_configs: broker .*synonyms", "every layer that has a value is listed"),
    (r"^alter_configs: resource twice", "Kafka's handler fails and never answers"),
    (r"^incremental: bad operation", "Kafka says UNKNOWN_SERVER_ERROR"),
    (r"^incremental: broker unknown", "an unknown option is an error, so that typing errors show"),
    (r"^(produce|idempotence): .*log_start_offset", "-1, unknown, with every error"),
    (r"^produce: no records", "Kafka's handler fails and never answers"),
    (r"^produce: no record ", "damaged, since its offsets contradict themselves"),
    (r"^produce: transactional", "there are no transactions yet"),
    (r"^produce: bad codec", "Kafka says UNKNOWN_SERVER_ERROR"),
    (r"^produce: (magic 3|garbage) .*message", "damage has no sentence"),
    (r"^produce: (no epoch|trailing)", "a producer without an epoch, bytes behind the batch: refused"),
    (r"^(produce: no partitions|fetch: nothing|committing: nothing)",
     "a topic without partitions is answered as it was asked"),
    (r"^idempotence: (other from|producers \[0\])",
     "a producer begins at sequence 0: Kafka loses the first of batches in flight otherwise"),
    (r"^(fetch: (past|negative)|delete_records: fetch below) .*(watermark|offset)$",
     "with OFFSET_OUT_OF_RANGE comes where the log begins and ends"),
    (r"^fetch: .*aborted_transactions", "null and none are the same to every client"),
    (r"^fetch: a part .*records", "batches are not cut"),
    (r"^fetch: fetched epoch", "with one broker nothing diverges"),
    (r"^fetch: same twice", "a partition named twice is read twice"),
    (r"^fetch: unknown isolation", "an unknown level reads what is not committed too"),
    (r"^fetch: new session", "there are no fetch sessions yet"),
    (r"^looking: twice", "a description is given once per request"),
    (r"^describe_configs: broker .*replication\.factor\.config_type", "there is no SHORT here"),
    (r"^describe_configs: broker .*listener\S*\.read_only", "listeners are made at the start"),
    # What the two brokers are, and were told when they were started.
    (r"^describe_configs: broker .*\.(advertised\.listeners|controller\.\w+\.\w+|listeners|"
     r"group\.initial\.rebalance\.delay\.ms|inter\.broker\.listener\.name|log\.dirs?|node\.id|"
     r"listener\.security\.protocol\.map|offsets\.topic\.replication\.factor|process\.roles|"
     r"transaction\.state\.log\.replication\.factor|group\.coordinator\.rebalance\.protocols)\."
     r"(value|config_source|synonyms)",
     "started with other settings, or of another kind of process"),
]

NEW_OPTIONS = "an option of ours"
NO_OPTION = "an option without a meaning here"
NOTHING = (None, "", "NONE")


def find(place, path, kafka, ours):
    """The reason of an accepted difference, or None."""
    for pattern, reason in ROWS:
        if re.search(pattern, f"{place} {path}"):
            return reason
    if path.endswith("message"):
        if kafka in NOTHING:
            return "a sentence more, or null for none"
        if ours not in NOTHING:
            return "the same in other words"
    if place.startswith("describe_configs: broker ") and ours == "absent":
        return NO_OPTION
    if place.startswith("describe_configs: broker ") and kafka == "absent":
        return NEW_OPTIONS
    return None
