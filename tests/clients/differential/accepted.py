"""Differences from Apache Kafka that are meant: where, and why. README.md lists them (run --readme)."""

import fnmatch
import os
import re

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "README.md")
BEGIN = "## Accepted differences"
PATTERN_MAX = 70

# Scenarios, a pattern searched in "label path", the reason. A row that nothing needs any more makes the
# run fail, as a difference without a row does.
ROWS = [
    ("frames", r"^versions 99", "a version of the future is answered even without a whole header"),
    ("frames", r"^(negative array|tag twice)", "a size below -1, a tag given twice: malformed"),
    ("api_versions", r"^(no|odd|dash)", "a client may call itself what it likes"),
    ("metadata", r"^neither", "Kafka fails on its own null"),
    ("metadata", r"^(id too early|name and id) .*\.(brokers|controller_id)",
     "one wrong topic does not hide the cluster"),
    ("create_topics describe_configs", r"min\.insync\.replicas\.(config_source|synonyms)",
     "Kafka sets it for the cluster with its feature eligible.leader.replicas"),
    ("create_topics", r"^validate .*topic_id", "nothing was made that could have an id"),
    ("create_topics", r"^collision inside", "names of one request collide with each other too"),
    ("create_topics", r"^config spaces .*value", "values are kept in their canonical form"),
    ("delete_topics", r"^name and id of one .*topic_id", "the answer is to the name"),
    ("describe_configs", r"^(synonyms|broker) .*synonyms", "every layer that has a value is listed"),
    ("alter_configs", r"^resource twice", "Kafka's handler fails and never answers"),
    ("incremental", r"^bad operation", "Kafka says UNKNOWN_SERVER_ERROR"),
    ("incremental", r"^broker unknown", "an unknown option is an error, so that typing errors show"),
    ("produce idempotence", r"log_start_offset", "-1, unknown, with every error"),
    ("produce", r"^no records", "Kafka's handler fails and never answers"),
    ("produce", r"^no record ", "damaged, since its offsets contradict themselves"),
    ("produce", r"^bad codec", "Kafka says UNKNOWN_SERVER_ERROR"),
    ("compression", r"^no codec", "Kafka says UNKNOWN_SERVER_ERROR"),
    ("compression", r"^(gzip|snappy|lz4|zstd): (cut|one byte|nothing|other|wrong|plain|zlib|half a h|"
                    r"no |size|block|head|lies|window).*error_code",
     "what cannot be unpacked is an invalid record: Kafka says UNKNOWN_SERVER_ERROR"),
    ("produce", r"^(magic 3|garbage) .*message", "damage has no sentence"),
    ("produce", r"^(no epoch|trailing)",
     "a producer without an epoch, bytes behind the batch: refused"),
    ("produce", r"^no partitions", "a topic without partitions is answered as it was asked"),
    ("committing", r"^nothing", "a topic without partitions is answered as it was asked"),
    ("idempotence", r"^(other from|producers \[0\])",
     "a producer begins at sequence 0: Kafka loses the first of batches in flight otherwise"),
    ("fetch", r"^a part .*records", "batches are not cut"),
    ("fetch", r"^same twice", "a partition named twice is read twice"),
    ("fetch", r"^unknown isolation", "an unknown level reads what is not committed too"),
    ("session_edges", r"unknown .*rows", "unknown ids come in the order in which they were asked"),
    ("looking", r"^twice", "a description is given once per request"),
    ("describe_configs", r"^broker .*(replication\.factor|topic\.min\.isr)\.config_type",
     "there is no SHORT here"),
    ("describe_configs", r"^broker .*listener\S*\.read_only", "listeners are made at the start"),
    # Requests made by mutations.py.
    ("cover_*", r"^\S+ size -2", "a size below -1 is malformed; Kafka takes it for null"),
    ("cover_*", r"^topics\.partitions none", "a topic without partitions is answered as it was asked"),
    ("cover_ApiVersions", r"^client_software_\w+ (empty|odd)", "a client may call itself what it likes"),
    ("cover_Metadata", r"^topics\.name unknown v[0-3] ", "a topic is made before it is answered"),
    ("cover_Metadata", r"^topics\.name null .*\.(brokers|controller_id)",
     "one wrong topic does not hide the cluster"),
    ("cover_Metadata", r"^topics\.topic_id zero", "Kafka fails on its own null"),
    ("cover_CreateTopics", r"topic_id", "nothing was made that could have an id"),
    ("cover_CreatePartitions", r"^topics\.count highest", "too many is told before anything else"),
    ("cover_DeleteRecords cover_ListOffsets cover_Fetch", r"^topics(\.partitions)? (twice|many)",
     "each entry is answered, however often it is named"),
    ("cover_Produce", r"^topics(\.partitions)? (twice|many)",
     "each entry is written, however often its partition is named"),
    ("cover_DescribeConfigs cover_DescribeProducers cover_DescribeGroups cover_OffsetFetch "
     "cover_ConsumerGroupDescribe",
     r"^\S+ (twice|many)", "a description is given once per request"),
    ("cover_DescribeConfigs", r"min\.insync\.replicas\.config_source",
     "Kafka sets it for the cluster with its feature eligible.leader.replicas"),
    ("cover_DescribeConfigs", r"synonyms", "every layer that has a value is listed"),
    ("cover_DescribeConfigs", r"documentation", "the same in other words"),
    ("cover_AlterConfigs", r"^resources (twice|many)", "Kafka's handler fails and never answers"),
    ("cover_IncrementalAlterConfigs", r"^\S+config_operation", "Kafka says UNKNOWN_SERVER_ERROR"),
    ("cover_Produce", r"^\S+records null", "Kafka's handler fails and never answers"),
    ("cover_Produce", r"^\S+records .*message", "damage has no sentence"),
    ("cover_Fetch", r"^\S*max_bytes (-1|lowest)",
     "a limit below 0 is one of 0; Kafka says UNKNOWN_SERVER_ERROR"),
    ("cover_Fetch cover_ListOffsets", r"^isolation_level",
     "an unknown level reads what is not committed too"),
    ("cover_Fetch", r"aborted_transactions", "null and none are the same to every client"),
    ("cover_Fetch", r"^session", "there are no fetch sessions yet"),
    ("cover_OffsetForLeaderEpoch cover_ListOffsets", r"^\S+leader_epoch lowest",
     "an epoch below 0 is none, as in Fetch"),
    ("cover_JoinGroup", r"^protocols (twice|many)", "Kafka's handler fails and never answers"),
    ("cover_JoinGroup", r"^protocols\.metadata large", "Kafka's handler fails and never answers"),
    ("cover_JoinGroup", r"^protocols\.name empty", "an empty name is one, not null"),
    ("cover_DescribeTopicPartitions", r"^cursor\.index highest", "Kafka's index runs over"),
    ("cover_AlterClientQuotas", r"^\S+ (twice|many)", "each entry is answered as it was asked"),
    ("cover_AlterClientQuotas", r"^\S+value not a number", "a quota is a number; Kafka takes this one"),
    ("cover_AddPartitionsToTxn", r"^transactions none", "Kafka's handler never answers"),
    ("cover_TxnOffsetCommit", r"^group_id (odd|long|unknown)",
     "whether the transaction has another group's partition is chance"),
    ("cover_DescribeTransactions", r"^\S+ (twice|many)", "a description is given once per request"),
    ("cover_WriteTxnMarkers", r"^\S+ (none|twice|many)", "each entry is answered as it was asked"),
    ("cover_ListTransactions", r"^duration_filter_ms", "who has begun nothing has no duration"),
    ("cover_AlterReplicaLogDirs", r"^\S+ (none|twice|many)", "each entry is answered as it was asked"),
    ("cover_AlterReplicaLogDirs", r"^dirs\.topics\.name", "a directory that is not there is told first"),
    # What the two brokers are, and were told when they were started.
    ("describe_configs",
     r"^broker .*\.(advertised\.listeners|controller\.\w+\.\w+|listeners|"
     r"group\.initial\.rebalance\.delay\.ms|inter\.broker\.listener\.name|log\.dirs?|node\.id|"
     r"listener\.security\.protocol\.map|offsets\.topic\.replication\.factor|process\.roles|"
     r"transaction\.state\.log\.replication\.factor|group\.coordinator\.rebalance\.protocols)\."
     r"(value|config_source|synonyms)",
     "started with other settings, or of another kind of process"),
    ("describe_configs", r"^broker .*group\.consumer\.assignment\.interval\.ms.*value",
     "members are assigned at once; Kafka lets a second pass"),
    ("expressions", r"^internal ", "an expression never stands for internal topics"),
    ("refusals", r"^malformed assignment ", "Kafka says UNKNOWN_SERVER_ERROR"),
    ("describe_configs", r"^broker .* ours: absent$", "an option without a meaning here"),
    ("describe_configs", r"^broker .* kafka: absent$", "an option of ours"),
    ("versions", r"^key 7[12] ", "telemetry needs no plugin here"),
    ("throttling", r"^consumer over",
     "records go out with the time to wait, so that who waited comes on"),
    ("resources", r"^metrics .*synonyms", "every layer that has a value is listed"),
]

NOTHING = (None, "", "NONE")


def is_about(scenarios, scenario):
    return any(fnmatch.fnmatchcase(scenario, each) for each in scenarios.split())


class Accepted:
    """Finds the reason of a difference, and remembers which rows were needed."""

    def __init__(self):
        self.needed = set()

    def find(self, scenario, label, path, kafka, ours):
        """The reason, or None."""
        text = f"{label} {path}"
        text += "".join(f" {name}: absent" for name, value in (("kafka", kafka), ("ours", ours))
                        if value == "absent")
        for row in ROWS:
            scenarios, pattern, reason = row
            if is_about(scenarios, scenario) and re.search(pattern, text):
                self.needed.add(row)
                return reason
        if path.endswith("message"):
            if kafka in NOTHING:
                return "a sentence more, or null for none"
            if ours not in NOTHING:
                return "the same in other words"
        return None

    def stale(self, played):
        """Rows that were not needed though all of their scenarios were played."""
        return [row for row in ROWS if row not in self.needed and all(
            each in played or "*" in each for each in row[0].split())]


def listing():
    """The rows as README.md has them."""
    lines = [BEGIN, "", "| scenario | where | reason |", "|---|---|---|"]
    for scenarios, pattern, reason in ROWS:
        shown = pattern.replace("|", "\\|")
        shown = shown if len(shown) <= PATTERN_MAX else shown[:PATTERN_MAX] + "…"
        lines.append(f"| {scenarios.replace(' ', ', ')} | `{shown}` | {reason} |")
    return "\n".join(lines) + "\n"


def is_listed():
    with open(README, encoding="utf-8") as file:
        return listing() in file.read()


def write_listing():
    with open(README, encoding="utf-8") as file:
        text = file.read()
    with open(README, "w", encoding="utf-8") as file:
        file.write(text[:text.index(BEGIN)] + listing())
