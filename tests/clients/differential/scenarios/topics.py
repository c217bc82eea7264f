"""Scenarios: ApiVersions, Metadata, DescribeCluster, topics made, grown and deleted."""

CONFIG_ERRORS = {
    "unknown": ("no.such.config", "1"),
    "not a number": ("retention.ms", "soon"),
    "below": ("retention.ms", "-2"),
    "segment small": ("segment.bytes", "13"),
    "policy": ("cleanup.policy", "shred"),
    "policy twice": ("cleanup.policy", "delete,delete"),
    "policy empty": ("cleanup.policy", ""),
    "bool": ("preallocate", "maybe"),
    "double": ("min.cleanable.dirty.ratio", "2"),
    "codec": ("compression.type", "brotli"),
    "gzip level": ("compression.gzip.level", "0"),
    "timestamps": ("message.timestamp.type", "Never"),
    "isr": ("min.insync.replicas", "0"),
    "null": ("retention.ms", None),
    "lag": ("min.compaction.lag.ms", str(1 << 63)),
    "spaces": ("retention.ms", " 5 "),
    "overflow": ("segment.bytes", "2147483648"),
    "throttled": ("leader.replication.throttled.replicas", "everything"),
    "remote": ("remote.storage.enable", "true"),
}


def api_versions(world):
    for version in world.span("ApiVersions"):
        answer = world.quiet("ApiVersions", version, client_software_name="differential",
                             client_software_version="1.0")
        world.note(f"error v{version}", answer["error_code"])
    world.connection.send("ApiVersions", 4, {"client_software_name": "future"})
    world.connection.take("ApiVersions", 4)
    for label, name, number in (("no name", "", "1"), ("odd name", "a b", "1"),
                                ("dash", "-a", "1"), ("odd version", "a", "ü"), ("no version", "a", "")):
        answer = world.quiet("ApiVersions", 4, client_software_name=name,
                             client_software_version=number)
        world.note(label, {"error_code": answer["error_code"], "has_keys": bool(answer["api_keys"])})
    connection = world.another()
    api = connection.apis["ApiVersions"]
    connection.apis = dict(connection.apis, ApiVersions=dict(api, highest=99))
    connection.send("ApiVersions", 99, {"client_software_name": "x", "client_software_version": "1"})
    answer = connection.take("ApiVersions", 99, body_version=0)
    own = [row for row in answer["api_keys"] if row["api_key"] == 18]
    world.note("unknown version", {"error_code": answer["error_code"], "own": own})


def metadata(world):
    known = world.make_topic(world.name("metadata-known"), 2)
    answer = world.quiet("Metadata", 12, topics=[{"name": known}])
    known_id = answer["topics"][0]["topic_id"]
    for version in world.span("Metadata"):
        unknown = world.name(f"metadata-unknown-{version}")
        no_creation = {"allow_auto_topic_creation": False} if version >= 4 else {}
        world.ask("none", "Metadata", version, topics=[], **no_creation) if version > 0 else None
        world.ask("one", "Metadata", version, topics=[{"name": known}], **no_creation)
        if version >= 4:
            world.ask("unknown", "Metadata", version, topics=[{"name": unknown}], **no_creation)
        world.ask("bad name", "Metadata", version, topics=[{"name": "a b"}])
        world.ask("empty name", "Metadata", version, topics=[{"name": ""}])
        world.ask("dots", "Metadata", version, topics=[{"name": ".."}])
        world.ask("long name", "Metadata", version, topics=[{"name": "x" * 250}])
        world.ask("twice", "Metadata", version, topics=[{"name": known}, {"name": known}])
        everything = world.quiet("Metadata", version, topics=[] if version == 0 else None)
        named = [topic for topic in everything["topics"] if topic["name"] == known]
        world.note(f"all v{version}", named)
    for version in (8, 10):
        world.ask("operations", "Metadata", version, topics=[{"name": known}],
                  include_cluster_authorized_operations=True,
                  include_topic_authorized_operations=True)
    for label, name, topic_id in (("by id", None, known_id), ("unknown id", None, b"\1" * 16),
                                  ("neither", None, bytes(16)), ("both", known, known_id),
                                  ("wrong both", known, b"\1" * 16)):
        world.ask(label, "Metadata", 12, topics=[{"name": name, "topic_id": topic_id}])
    for version in (10, 11):
        world.ask("id too early", "Metadata", version,
                  topics=[{"name": None, "topic_id": known_id}])
        world.ask("name and id", "Metadata", version,
                  topics=[{"name": known, "topic_id": b"\1" * 16}])
    made = world.name("metadata-made")
    world.quiet("Metadata", 5, topics=[{"name": made}], allow_auto_topic_creation=True)
    answer = world.until("auto-creation", "Metadata", 5,
                         lambda answer: answer["topics"][0]["error_code"] == 0,
                         topics=[{"name": made}])
    world.note("auto-created", answer["topics"])
    world.ask("internal auto", "Metadata", 9, topics=[{"name": "__cluster_metadata"}])


def describe_cluster(world):
    for version in world.span("DescribeCluster"):
        world.ask("plain", "DescribeCluster", version)
        world.ask("operations", "DescribeCluster", version,
                  include_cluster_authorized_operations=True)
        if version >= 1:
            world.ask("controllers", "DescribeCluster", version, endpoint_type=2)
            world.ask("no endpoint", "DescribeCluster", version, endpoint_type=9)


def config_rows(answer):
    """Name to row, so that each name is compared by itself."""
    for topic in answer["topics"]:
        if topic.get("configs"):
            topic["configs"] = {row["name"]: row for row in topic["configs"]}
    return answer


def create_topics(world):
    def ask(label, version, *topics, **more):
        world.note(f"{label} v{version}", config_rows(world.quiet(
            "CreateTopics", version, topics=list(topics), timeout_ms=10000, **more)))

    def topic(name, partitions=1, replicas=1, configs=(), assignments=()):
        return {"name": name, "partition_count": partitions, "replication_factor": replicas,
                "configs": [{"name": key, "value": value} for key, value in configs],
                "assignments": [{"partition_index": index, "broker_ids": brokers}
                                for index, brokers in assignments]}

    for version in world.span("CreateTopics"):
        name = world.name(f"create-{version}")
        ask("validate", version, topic(name, 3), validate_only=True)
        ask("made", version, topic(name, 3, 1, [("retention.ms", "1000"),
                                                ("cleanup.policy", "compact,delete")]))
        ask("again", version, topic(name, 3))
        ask("repeated", version, topic(name + "x"), topic(name + "x"))
        ask("defaults", version, topic(name + "d", -1, -1))
        ask("bad name", version, topic("a/b"))
        ask("assigned", version, topic(name + "a", -1, -1, (), [(0, [1]), (1, [1])]))
    new = world.name("create-errors")
    ask("nothing", 5)
    ask("collision", 5, topic(world.name("create-5").replace(".", "_")))
    ask("collision inside", 5, topic(new + "_c.d"), topic(new + "_c_d"))
    for label, name in (("empty name", ""), ("dot", "."), ("dots", ".."), ("long", "y" * 250),
                        ("longest", ("z" * 249)[:249 - len(world.run)] + world.run),
                        ("metadata topic", "__cluster_metadata")):
        ask(label, 5, topic(name), validate_only=True)
    for partitions, replicas in ((0, 1), (-2, 1), (1, 0), (1, -2), (1, 2), (0, 0), (10001, 1)):
        ask(f"{partitions} partitions {replicas} replicas", 5, topic(new, partitions, replicas),
            validate_only=True)
    for label, config in CONFIG_ERRORS.items():
        ask(f"config {label}", 5, topic(new, 1, 1, [config]), validate_only=True)
    ask("config twice", 5, topic(new, 1, 1, [("retention.ms", "1"), ("retention.ms", "2")]),
        validate_only=True)
    ask("two bad configs", 5, topic(new, 1, 1, [("retention.ms", "x"), ("no.such", "2")]),
        validate_only=True)
    ask("lags cross", 5, topic(new, 1, 1, [("min.compaction.lag.ms", "10"),
                                           ("max.compaction.lag.ms", "5")]), validate_only=True)
    for label, assignments, count, replicas in (
            ("with count", [(0, [1])], 1, -1), ("with factor", [(0, [1])], -1, 1),
            ("gap", [(0, [1]), (2, [1])], -1, -1), ("from one", [(1, [1])], -1, -1),
            ("twice", [(0, [1]), (0, [1])], -1, -1), ("empty", [(0, [])], -1, -1),
            ("unknown broker", [(0, [7])], -1, -1), ("same broker", [(0, [1, 1])], -1, -1),
            ("negative", [(-1, [1])], -1, -1)):
        ask(f"assignment {label}", 5, topic(new, count, replicas, (), assignments),
            validate_only=True)
    ask("half good", 5, topic(new + "-good"), topic("bad name"))


def delete_topics(world):
    for version in world.span("DeleteTopics"):
        name = world.make_topic(world.name(f"delete-{version}"))
        if version < 6:
            world.ask("gone", "DeleteTopics", version, topic_names=[name], timeout_ms=10000)
            world.ask("unknown", "DeleteTopics", version, topic_names=[name], timeout_ms=10000)
            world.ask("bad name", "DeleteTopics", version, topic_names=["a b"], timeout_ms=10000)
            world.ask("empty", "DeleteTopics", version, topic_names=[""], timeout_ms=10000)
            world.ask("none", "DeleteTopics", version, topic_names=[], timeout_ms=10000)
            other = world.make_topic(world.name(f"delete-twice-{version}"))
            world.ask("twice", "DeleteTopics", version, topic_names=[other, other],
                      timeout_ms=10000)
    names = [world.make_topic(world.name(f"delete-id-{index}")) for index in range(4)]
    answer = world.quiet("Metadata", 12, topics=[{"name": name} for name in names])
    ids = {topic["name"]: topic["topic_id"] for topic in answer["topics"]}

    def ask(label, *topics):
        world.ask(label, "DeleteTopics", 6, timeout_ms=10000,
                  topics=[{"name": name, "topic_id": topic_id} for name, topic_id in topics])

    ask("by id", (None, ids[names[0]]))
    ask("by name", (names[1], bytes(16)))
    ask("both", (names[2], ids[names[2]]))
    ask("neither", (None, bytes(16)))
    ask("unknown id", (None, b"\3" * 16))
    ask("unknown name", ("no-such-topic", bytes(16)))
    ask("id twice", (None, ids[names[2]]), (None, ids[names[2]]))
    ask("name and id of one", (names[3], bytes(16)), (None, ids[names[3]]))
    ask("name twice", (names[3], bytes(16)), (names[3], bytes(16)))


def create_partitions(world):
    name = world.make_topic(world.name("grow"), 2)

    def ask(label, version, count, assignments=None, topic=name, **more):
        wanted = {"name": topic, "count": count, "assignments": None if assignments is None else
                  [{"broker_ids": brokers} for brokers in assignments]}
        world.ask(label, "CreatePartitions", version, topics=[wanted], timeout_ms=10000, **more)

    for version in world.span("CreatePartitions"):
        ask("validate", version, 10, validate_only=True)
        ask("grow", version, 3 + version)
        ask("same", version, 3 + version)
        ask("fewer", version, 1)
    ask("zero", 3, 0)
    ask("negative", 3, -1)
    ask("unknown", 3, 5, topic="no-such-topic")
    ask("bad name", 3, 5, topic="a b")
    ask("assigned", 3, 8, [[1], [1]], validate_only=True)
    ask("too few", 3, 8, [[1]])
    ask("too many", 3, 8, [[1]] * 3)
    ask("unknown broker", 3, 7, [[9]])
    ask("empty list", 3, 7, [[]])
    ask("same broker", 3, 7, [[1, 1]])
    wanted = {"name": name, "count": 9, "assignments": None}
    world.ask("twice", "CreatePartitions", 3, topics=[wanted, wanted], timeout_ms=10000)
    world.ask("none", "CreatePartitions", 3, topics=[], timeout_ms=10000)


SCENARIOS = [api_versions, metadata, describe_cluster, create_topics, delete_topics,
             create_partitions]
