"""Scenarios: every API in every version with a right request, and with wrong ones made from it.

ROWS has a function for each API that answers a right request. It is asked anew for each wrong one,
so it may prepare what the request needs; names that must not meet again come from world.fresh(). An
API that is served and has no row is a hole, and a hole fails the run.
"""

import time

import mutations
from wire import batch

NOW = int(time.time() * 1000)
RANGE = b"\0\0\0\0\0\1\0\1t\0\0\0\0"
TOPIC, BROKER = 2, 4
FEW = 2
PATIENCE_SECONDS = 3  # Kafka leaves some without an answer
TIMEOUT = {"timeout_ms": 10000}
ROWS = {}


class Row:
    """`request`: function; `keep`: fields whose other values would tell nothing; `shape`: what is
    noted of an answer that tells of other topics or groups as well."""

    def __init__(self, request, keep, shape):
        self.request = request
        self.keep = keep
        self.shape = shape


def row(keep=(), shape=lambda world, answer: answer):
    def put(request):
        ROWS[request.__name__] = Row(request, keep, shape)
        return request
    return put


# What requests need -----------------------------------------------------------------------------

def topic(world, partitions=2):
    """A topic with five records in partition 0, made once per scenario."""
    if not hasattr(world, "topic"):
        world.topic = world.make_topic(world.fresh(), partitions)
        produce = {"acks": -1, "timeout_ms": 10000, "topics": [{"name": world.topic, "partitions": [
            {"index": 0, "records": batch([(b"k", b"v")] * 5, NOW)}]}]}
        world.connection.ask("Produce", 8, **produce)
    return world.topic


def place_of(world, by_id):
    return {"topic_id": world.topic_id(topic(world))} if by_id else {"name": topic(world)}


def group(world):
    """A new group without members."""
    if not hasattr(world, "has_coordinator"):
        world.find_coordinator(world.name("anybody"))
        world.has_coordinator = True
    return world.fresh()


def offsets_of(world):
    """A new group that committed an offset."""
    name = group(world)
    world.connection.ask("OffsetCommit", 7, group_id=name, topics=[
        {"name": topic(world), "partitions": [{"index": 0, "committed_offset": 3,
                                               "committed_metadata": "note"}]}])
    return name


def joining(name, member=""):
    return {"group_id": name, "session_timeout_ms": 10000, "rebalance_timeout_ms": 10000,
            "member_id": member, "protocol_type": "consumer",
            "protocols": [{"name": "range", "metadata": RANGE}]}


def member(world, is_stable):
    """The group, the id and the generation of the only member of a new group."""
    name = group(world)
    promised = world.connection.ask("JoinGroup", 5, **joining(name))
    joined = world.connection.ask("JoinGroup", 5, **joining(name, promised["member_id"]))
    found = {"group_id": name, "member_id": joined["member_id"],
             "generation_id": joined["generation_id"]}
    if is_stable:
        world.connection.ask("SyncGroup", 3, **found, assignments=[
            {"member_id": joined["member_id"], "assignment": b"mine"}])
    return found


def only_wrong_or_own(world, answer):
    """The topics that were asked for, when others are listed beside them."""
    answer["topics"] = [each for each in answer["topics"]
                        if each["error_code"] or each["name"] == world.topic]
    return answer


def without_base_offsets(world, answer):
    """Where records went depends on what was taken before."""
    for each in answer["topics"]:
        for part in each["partitions"]:
            if part["base_offset"] >= 0:
                part["base_offset"] = "somewhere"
    return answer


def only_own(name):
    """A shape: without the topics of other scenarios where all are told."""
    def shape(world, answer):
        if len(answer[name]) > FEW:
            answer[name] = [each for each in answer[name] if each["name"] == world.topic]
        return answer
    return shape


def only_own_elections(world, answer):
    """Without the topics that were left alone, which may be those of other scenarios."""
    answer["results"] = [each for each in answer["results"]
                         if each["name"] == world.topic or each["partitions"]]
    return answer


def configs_by_name(name):
    """A shape: of each element of the list `name`, the configurations by their names."""
    def shape(world, answer):
        for each in answer[name]:
            if each.get("configs"):
                each["configs"] = {config["name"]: config for config in each["configs"]}
        return answer
    return shape


# Topics ------------------------------------------------------------------------------------------

@row(shape=lambda world, answer: answer["error_code"])
def ApiVersions(world, version):
    return {"client_software_name": "differential", "client_software_version": "1.0"}


@row(shape=only_wrong_or_own)
def Metadata(world, version):
    asked = {"name": topic(world)}
    if version >= 12:
        asked = {"name": None, "topic_id": world.topic_id(topic(world))}
    return {"topics": [asked], "allow_auto_topic_creation": False,
            "include_cluster_authorized_operations": False,
            "include_topic_authorized_operations": False}


@row()
def DescribeCluster(world, version):
    return {"include_cluster_authorized_operations": False, "endpoint_type": 1,
            "include_fenced_brokers": False}


def without_defaults(world, answer):
    """The configurations that the request set; the rest is compared by create_topics()."""
    for each in answer["topics"]:
        if each.get("configs"):
            each["configs"] = [config for config in each["configs"] if config["config_source"] == 1]
    return answer


@row(keep=("timeout_ms",), shape=without_defaults)
def CreateTopics(world, version):
    return {"topics": [{"name": world.fresh(), "partition_count": 2, "replication_factor": 1,
                        "configs": [{"name": "retention.ms", "value": "1000"}], "assignments": []}],
            **TIMEOUT, "validate_only": True}


@row(keep=("timeout_ms",))
def DeleteTopics(world, version):
    name = world.make_topic(world.fresh())
    return {"topics": [{"name": name, "topic_id": bytes(16)}], "topic_names": [name], **TIMEOUT}


@row(keep=("timeout_ms",))
def CreatePartitions(world, version):
    return {"topics": [{"name": topic(world), "count": 3, "assignments": [{"broker_ids": [1]}]}],
            **TIMEOUT, "validate_only": True}


@row(keep=("timeout_ms",))
def DeleteRecords(world, version):
    return {"topics": [{"name": topic(world), "partitions": [{"index": 0, "offset": 1}]}], **TIMEOUT}


@row(shape=only_own("topics"))
def DescribeTopicPartitions(world, version):
    name = topic(world)
    return {"topics": [{"name": name}], "response_partition_limit": 2000,
            "cursor": {"name": name, "index": 0}}


@row(keep=("timeout_ms",), shape=only_own_elections)
def ElectLeaders(world, version):
    return {"election_type": 0, "topics": [{"name": topic(world), "partitions": [0]}], **TIMEOUT}


@row(keep=("timeout_ms",))
def AlterPartitionReassignments(world, version):
    return {**TIMEOUT, "allow_replication_factor_change": True, "topics": [
        {"name": topic(world), "partitions": [{"index": 0, "replicas": [1]}]}]}


@row(keep=("timeout_ms",))
def ListPartitionReassignments(world, version):
    return {**TIMEOUT, "topics": [{"name": topic(world), "partitions": [0]}]}


# The broker --------------------------------------------------------------------------------------

def without_sizes(world, answer):
    """The own topic in each directory."""
    for each in answer["results"]:
        each["log_dir"] = "directory"
        each.pop("total_bytes", None)
        each.pop("usable_bytes", None)
        each["topics"] = [{"name": row["name"], "partitions": sorted(
            part["index"] for part in row["partitions"])} for row in each["topics"]
            if row["name"] == world.topic]
    return answer


@row(shape=without_sizes)
def DescribeLogDirs(world, version):
    return {"topics": [{"name": topic(world), "partitions": [0]}]}


@row()
def AlterReplicaLogDirs(world, version):
    return {"dirs": [{"path": "/no/such/directory", "topics": [
        {"name": topic(world), "partitions": [0]}]}]}


def without_voters(world, answer):
    """Errors: the quorums are not of one kind."""
    answer.pop("nodes", None)
    for each in answer["topics"]:
        each["partitions"] = [{"index": part["index"], "error_code": part["error_code"]}
                              for part in each["partitions"]]
    return answer


@row(shape=without_voters)
def DescribeQuorum(world, version):
    return {"topics": [{"name": "__cluster_metadata", "partitions": [{"index": 0}]}]}


@row(keep=("timeout_ms", "validate_only"))
def UpdateFeatures(world, version):
    """Without validate_only (version 0) a feature that exists would be changed."""
    return {**TIMEOUT, "validate_only": True, "feature_updates": [
        {"feature": "no.such.feature" if version == 0 else "group.version", "max_version_level": 1,
         "allow_downgrade": False, "upgrade_type": 1}]}


@row()
def UnregisterBroker(world, version):
    return {"broker_id": 77}


# Configurations ----------------------------------------------------------------------------------

@row(shape=configs_by_name("results"))
def DescribeConfigs(world, version):
    return {"resources": [{"resource_type": TOPIC, "resource_name": topic(world),
                           "configuration_keys": ["retention.ms"]}],
            "include_synonyms": False, "include_documentation": False}


@row()
def AlterConfigs(world, version):
    return {"resources": [{"resource_type": TOPIC, "resource_name": topic(world), "configs": [
        {"name": "retention.ms", "value": "1000"}]}], "validate_only": True}


@row()
def IncrementalAlterConfigs(world, version):
    return {"resources": [{"resource_type": TOPIC, "resource_name": topic(world), "configs": [
        {"name": "retention.ms", "config_operation": 0, "value": "1000"}]}], "validate_only": True}


def tells_topic(world, answer):
    """Whether the own topic is listed."""
    names = [row["resource_name"] for row in answer["config_resources"]]
    return {"error_code": answer["error_code"], "has_topic": world.topic in names}


@row()
def DescribeClientQuotas(world, version):
    return {"components": [{"entity_type": "user", "match_type": 0, "match": world.name("nobody")}],
            "strict": False}


@row(keep=("validate_only",))
def AlterClientQuotas(world, version):
    return {"entries": [{"entity": [{"entity_type": "user", "entity_name": world.name("nobody")}],
                         "operations": [{"key": "producer_byte_rate", "value": 1000.0, "remove": False}]}],
            "validate_only": True}


@row()
def DescribeUserScramCredentials(world, version):
    return {"users": [{"name": world.name("nobody")}]}


@row()
def AlterUserScramCredentials(world, version):
    return {"deletions": [{"name": world.name("nobody"), "mechanism": 1}], "upsertions": []}


@row(shape=tells_topic)
def ListConfigResources(world, version):
    topic(world)
    return {"resource_types": [TOPIC]}


# Records -----------------------------------------------------------------------------------------

@row(keep=("timeout_ms", "acks"), shape=without_base_offsets)
def Produce(world, version):
    return {"transactional_id": None, "acks": 1, **TIMEOUT, "topics": [
        {**place_of(world, version >= 13), "partitions": [
            {"index": 1, "records": batch([(b"k", b"v")], NOW)}]}]}


@row(keep=("max_wait_ms",))
def Fetch(world, version):
    place = place_of(world, version >= 13)
    return {"replica_id": -1, "max_wait_ms": 0, "min_bytes": 1, "max_bytes": 1 << 20,
            "isolation_level": 0, "session_id": 0, "session_epoch": -1, "rack_id": "",
            "topics": [{**place, "partitions": [
                {"index": 0, "current_leader_epoch": -1, "fetch_offset": 0, "last_fetched_epoch": -1,
                 "log_start_offset": -1, "partition_max_bytes": 1 << 20}]}], "forgotten_topics": []}


@row(keep=("timeout_ms",))
def ListOffsets(world, version):
    return {"replica_id": -1, "isolation_level": 0, "timeout_ms": 1000, "topics": [
        {"name": topic(world), "partitions": [
            {"index": 0, "current_leader_epoch": -1, "timestamp_ms": -1}]}]}


@row()
def OffsetForLeaderEpoch(world, version):
    return {"replica_id": -1, "topics": [{"name": topic(world), "partitions": [
        {"index": 0, "current_leader_epoch": -1, "leader_epoch": 0}]}]}


@row()
def InitProducerId(world, version):
    if not hasattr(world, "has_producers"):
        world.until("producer ids", "InitProducerId", 4, lambda answer: answer["error_code"] == 0,
                    transactional_id=None, transaction_timeout_ms=60000)
        world.has_producers = True
    return {"transactional_id": None, "transaction_timeout_ms": 60000, "producer_id": -1,
            "producer_epoch": -1}


@row()
def DescribeProducers(world, version):
    return {"topics": [{"name": topic(world), "partition_indexes": [0]}]}


# Groups ------------------------------------------------------------------------------------------

@row()
def FindCoordinator(world, version):
    return {"key": group(world), "key_type": 0, "coordinator_keys": [group(world)]}


@row(keep=("rebalance_timeout_ms",))
def JoinGroup(world, version):
    name = group(world)
    request = joining(name)
    if version >= 4:
        promised = world.connection.ask("JoinGroup", 5, **request)
        request["member_id"] = promised["member_id"]
    return request


@row()
def SyncGroup(world, version):
    found = member(world, False)
    return {**found, "group_instance_id": None, "protocol_type": "consumer",
            "protocol_name": "range", "assignments": [
                {"member_id": found["member_id"], "assignment": b"mine"}]}


@row()
def Heartbeat(world, version):
    return {**member(world, True), "group_instance_id": None}


@row()
def LeaveGroup(world, version):
    found = member(world, True)
    return {"group_id": found["group_id"], "member_id": found["member_id"], "members": [
        {"member_id": found["member_id"], "group_instance_id": None, "reason": "enough"}]}


@row()
def OffsetCommit(world, version):
    found = member(world, True)
    return {"group_id": found["group_id"], "member_id": found["member_id"],
            "generation_id_or_member_epoch": found["generation_id"], "group_instance_id": None,
            "topics": [{**place_of(world, version >= 10), "partitions": [
                {"index": 0, "committed_offset": 3, "committed_leader_epoch": 0,
                 "committed_metadata": "note"}]}]}


@row()
def OffsetFetch(world, version):
    name = offsets_of(world)
    places = [{**place_of(world, version >= 10), "partition_indexes": [0]}]
    return {"group_id": name, "topics": places, "require_stable": False, "groups": [
        {"group_id": name, "topics": places, "member_id": None, "member_epoch": -1}]}


@row()
def OffsetDelete(world, version):
    return {"group_id": offsets_of(world), "topics": [
        {"name": topic(world), "partitions": [{"index": 0}]}]}


@row()
def DescribeGroups(world, version):
    return {"groups": [member(world, True)["group_id"]], "include_authorized_operations": False}


@row(shape=lambda world, answer: {**answer, "groups": len(answer["groups"]) > 0})
def ListGroups(world, version):
    offsets_of(world)
    return {"states_filter": ["Empty"], "types_filter": ["classic"]}


@row()
def DeleteGroups(world, version):
    return {"group_names": [offsets_of(world)]}


@row(shape=lambda world, answer: {**answer, "heartbeat_interval_ms": "interval"})
def ConsumerGroupHeartbeat(world, version):
    return {"group_id": group(world), "member_id": "member", "member_epoch": 0, "instance_id": None,
            "rack_id": None, "rebalance_timeout_ms": 10000, "subscribed_topic_names": [topic(world)],
            "subscribed_topic_regex": None, "server_assignor": "uniform", "topics": []}


@row()
def ConsumerGroupDescribe(world, version):
    name = group(world)
    world.connection.ask("ConsumerGroupHeartbeat", 0, group_id=name, member_id="member", member_epoch=0,
                         rebalance_timeout_ms=10000, subscribed_topic_names=[world.name("nothing")],
                         topics=[])
    return {"groups": [name], "include_authorized_operations": False}


# Transactions ------------------------------------------------------------------------------------

def producer(world, is_open):
    """The transactional id, producer id and epoch of a new producer; with a transaction begun."""
    name = world.fresh()
    if not hasattr(world, "has_transactions"):
        world.until("coordinator", "FindCoordinator", 2, lambda answer: answer["error_code"] == 0,
                    key=name, key_type=1)
        world.has_transactions = True
    answer = world.until("a transactional id", "InitProducerId", 4,
                         lambda answer: answer["error_code"] == 0, transactional_id=name,
                         transaction_timeout_ms=60000)
    found = {"transactional_id": name, "producer_id": answer["producer_id"],
             "producer_epoch": answer["producer_epoch"]}
    if is_open:
        world.connection.ask("AddPartitionsToTxn", 3, **found, topics=[
            {"name": topic(world), "partitions": [0]}])
    return found


@row()
def AddPartitionsToTxn(world, version):
    found = producer(world, False)
    topics = [{"name": topic(world), "partitions": [1]}]
    if version < 4:
        return {**found, "topics": topics}
    return {"transactions": [{**found, "is_verify_only": False, "topics": topics}]}


@row()
def AddOffsetsToTxn(world, version):
    return {**producer(world, False), "group_id": group(world)}


@row()
def EndTxn(world, version):
    return {**producer(world, True), "is_committed": True}


@row()
def TxnOffsetCommit(world, version):
    found, name = producer(world, False), group(world)
    world.connection.ask("AddOffsetsToTxn", 3, **found, group_id=name)
    return {**found, "group_id": name, "generation_id": -1, "member_id": "", "group_instance_id": None,
            "topics": [{"name": topic(world), "partitions": [
                {"index": 0, "committed_offset": 3, "committed_leader_epoch": -1,
                 "committed_metadata": "note"}]}]}


@row()
def DescribeTransactions(world, version):
    return {"transactional_ids": [producer(world, False)["transactional_id"]]}


def only_own_transactions(world, answer):
    ours = [each for each in answer["transactions"]
            if world.run in each["transactional_id"]]
    return {**answer, "transactions": len(ours) > 0}


@row()
def WriteTxnMarkers(world, version):
    found = producer(world, False)
    return {"markers": [{"producer_id": found["producer_id"], "producer_epoch": found["producer_epoch"],
                         "is_committed": True, "coordinator_epoch": 0, "transaction_version": 0,
                         "topics": [{"name": topic(world), "partition_indexes": [1]}]}]}


@row(shape=only_own_transactions)
def ListTransactions(world, version):
    producer(world, False)
    return {"state_filters": ["Empty"], "producer_id_filters": [], "duration_filter_ms": -1,
            "transactional_id_pattern": None}


# The scenarios -----------------------------------------------------------------------------------

def ask_all(world, name):
    """Every version; the field-wise requests and those with a wrong body."""
    if name not in world.apis:
        return  # a row that was there before its schema
    api, chosen = world.apis[name], ROWS[name]

    def ask(label, version, values, change=bytes):
        answer = world.exchange(name, version, values, change)
        world.note(f"{label} v{version}",
                   world.end if answer is None else chosen.shape(world, answer))

    world.connection.patience_seconds = PATIENCE_SECONDS
    for version in world.span(name):
        values = chosen.request(world, version)
        ask("right", version, values)
        for label, path, other in mutations.requests(api, values, version, chosen.keep,
                                                      world.fresh):
            ask(label, version, mutations.replaced(chosen.request(world, version), path, other))
        for label, change in mutations.bodies(version >= api["flexible"]):
            ask(label, version, chosen.request(world, version), change)


def scenario(name):
    def play(world):
        ask_all(world, name)
    play.__name__ = f"cover_{name}"
    return play


SCENARIOS = [scenario(name) for name in ROWS]
