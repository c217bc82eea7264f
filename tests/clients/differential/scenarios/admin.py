"""Scenarios: what operators ask of a cluster of one broker."""

LOG_DIR = "log dir"
CONTROLLER_ONLY = 2


def log_dirs(world):
    name = world.make_topic(world.name("dirs"), partitions=3)

    def ask(label, version, topics):
        answer = world.quiet("DescribeLogDirs", version, topics=topics)
        for result in answer["results"]:
            result["log_dir"] = LOG_DIR
            for key in ("total_bytes", "usable_bytes"):
                if key in result:
                    result[key] = result[key] > 0
            result["topics"] = sorted((topic for topic in result["topics"]
                                       if topic["name"] == name or topics is not None),
                                      key=lambda topic: topic["name"])
            for topic in result["topics"]:
                topic["partitions"].sort(key=lambda partition: partition["index"])
        world.note(f"{label} v{version}", answer)

    for version in world.span("DescribeLogDirs"):
        ask("all", version, None)
        ask("none", version, [])
        ask("some", version, [{"name": name, "partitions": [2, 0]}])
    ask("repeated", 5, [{"name": name, "partitions": [0, 0, 1]}])
    ask("no partitions", 5, [{"name": name, "partitions": []}])
    ask("unknown", 5, [{"name": name, "partitions": [0, 9, -1]},
                       {"name": "no-such-topic", "partitions": [0]},
                       {"name": "a b", "partitions": [0]}])
    answer = world.quiet("DescribeLogDirs", 5, topics=[])
    here = answer["results"][0]["log_dir"]
    for version in world.span("AlterReplicaLogDirs"):
        for label, path in (("here", here), ("elsewhere", "/no/such"), ("relative", "x"),
                            ("empty", "")):
            answer = world.quiet("AlterReplicaLogDirs", version, dirs=[
                {"path": path, "topics": [{"name": name, "partitions": [0, 9]}]}])
            answer["topics"][0]["partitions"].sort(key=lambda partition: partition["index"])
            world.note(f"move {label} v{version}", answer)
        world.ask("move nothing", "AlterReplicaLogDirs", version, dirs=[])


def topic_partitions(world):
    name = world.make_topic(world.name("pages"), partitions=5)
    other = world.make_topic(world.name("pages2"))

    def ask(label, names, **more):
        answer = world.quiet("DescribeTopicPartitions", 0, **more,
                             topics=[{"name": each} for each in names])
        world.note(label, answer)

    ask("one", [name])
    ask("sorted and once", [other, name, name])
    ask("mixed", [name, "a b", "no-such-topic"])
    ask("limit", [name], response_partition_limit=2)
    ask("limit exact", [name, other], response_partition_limit=5)
    ask("limit exact last", [name], response_partition_limit=5)
    ask("limit zero", [name], response_partition_limit=0)
    ask("limit negative", [name], response_partition_limit=-1)
    ask("limit beyond", [name], response_partition_limit=1000000)
    for label, cursor in {"cursor": (name, 2), "cursor end": (name, 5), "cursor past": (name, 99),
                          "cursor negative": (name, -1), "cursor not asked": ("zz", 0),
                          "cursor before": ("a", 0), "cursor other": (other, 0)}.items():
        ask(label, [name, other], cursor={"name": cursor[0], "index": cursor[1]})
    ask("cursor and limit", [name], cursor={"name": name, "index": 1}, response_partition_limit=3)
    ask("all after", [], cursor={"name": "zzzz", "index": 0})
    answer = world.quiet("DescribeTopicPartitions", 0, topics=[], response_partition_limit=1,
                         cursor={"name": other, "index": 0})
    world.note("all from", answer["topics"])
    ask("unknown after cursor", [name, "zz-no-such"], cursor={"name": name, "index": 4})


def config_resources(world):
    name = world.make_topic(world.name("resources"))

    def ask(label, version, **more):
        answer = world.quiet("ListConfigResources", version, **more)
        if "resource_types" not in more and version > 0:
            answer["config_resources"] = [row for row in answer["config_resources"]
                                          if row["resource_type"] in (4, 8)]
        answer["config_resources"] = sorted(
            (row for row in answer["config_resources"]
             if row.get("resource_type") != 2 or row["resource_name"] == name),
            key=lambda row: (row.get("resource_type"), row["resource_name"]))
        world.note(f"{label} v{version}", answer)

    world.note("metrics v0", world.quiet("ListConfigResources", 0)["error_code"])
    ask("all", 1)
    for kinds in ([2], [4], [8], [2, 2], [99], [0], [-1], [2, 99]):
        ask(f"kinds {kinds}", 1, resource_types=kinds)


def quorum(world):
    def ask(label, version, *topics):
        answer = world.quiet("DescribeQuorum", version, topics=[
            {"name": name, "partitions": [{"index": index} for index in indexes]}
            for name, indexes in topics])
        for topic in answer["topics"]:
            for row in topic["partitions"]:
                if row["error_code"] == 0:
                    row["high_watermark"] = row["high_watermark"] > 0
                for voter in row["current_voters"]:
                    voter["log_end_offset"] = voter["log_end_offset"] > 0
                    for key in ("last_fetch_ms", "last_caught_up_ms"):
                        if key in voter:
                            voter[key] = voter[key] > 0
                    voter.pop("replica_directory_id", None)
        for node in answer.get("nodes", []):
            for listener in node["listeners"]:
                listener["name"] = "listener"
        world.note(f"{label} v{version}", answer)

    log = "__cluster_metadata"
    for version in world.span("DescribeQuorum"):
        ask("metadata", version, (log, [0]))
        ask("other partition", version, (log, [1]))
        ask("other topic", version, ("t", [0]))
        ask("twice", version, (log, [0, 0]))
        ask("two topics", version, (log, [0]), ("t", [0]))
        ask("none", version)
        ask("no partitions", version, (log, []))


def features(world):
    """Only what changes nothing: levels that are in force, and validation."""
    def ask(label, version, *updates, **more):
        world.ask(label, "UpdateFeatures", version, **more, feature_updates=[
            {"feature": name, "max_version_level": level, **extra}
            for name, level, extra in updates])

    for version in world.span("UpdateFeatures"):
        ask("none", version)
        ask("as it is", version, ("metadata.version", 30, {}))
        ask("beyond", version, ("metadata.version", 31, {}))
        ask("off", version, ("metadata.version", 0, {}))
        ask("unknown", version, ("no.such", 1, {}))
        ask("good and bad", version, ("metadata.version", 30, {}), ("no.such", 1, {}))
    for label, name, level, kind in (("negative", "metadata.version", -1, 3),
                                     ("odd kind", "metadata.version", 30, 7),
                                     ("kind zero", "metadata.version", 30, 0),
                                     ("no name", "", 1, 1)):
        ask(label, 1, (name, level, {"upgrade_type": kind}), validate_only=True)


def elections(world):
    name = world.make_topic(world.name("elect"), partitions=2)

    def ask(label, version, topics, **more):
        world.ask(label, "ElectLeaders", version, topics=topics, **more)

    for version in world.span("ElectLeaders"):
        ask("some", version, [{"name": name, "partitions": [0, 9, -1]},
                              {"name": "no-such-topic", "partitions": [0]}])
        ask("none", version, [])
        answer = world.quiet("ElectLeaders", version, topics=None)
        answer["results"] = [row for row in answer["results"] if row["name"] == name]
        world.note(f"all v{version}", answer)
    ask("unclean", 2, [{"name": name, "partitions": [0]}], election_type=1)
    ask("odd kind", 2, [{"name": name, "partitions": [0]}], election_type=5)
    ask("repeated", 2, [{"name": name, "partitions": [0, 0]}, {"name": name, "partitions": [0]}])


def reassignments(world):
    name = world.make_topic(world.name("reassign"), partitions=3)

    def ask(label, version, partitions, topic=name, **more):
        world.ask(label, "AlterPartitionReassignments", version, **more, topics=[
            {"name": topic, "partitions": [{"index": index, "replicas": replicas}
                                           for index, replicas in partitions]}])

    for version in world.span("AlterPartitionReassignments"):
        ask("mixed", version, [(0, [1]), (9, [1]), (1, [2]), (2, None), (-1, [1])])
        ask("unknown topic", version, [(0, [1])], topic="no-such-topic")
        ask("bad topic", version, [(0, [1])], topic="a b")
        world.ask("none", "AlterPartitionReassignments", version, topics=[])
    ask("empty", 1, [(0, [])])
    ask("same broker twice", 1, [(0, [1, 1])])
    ask("negative broker", 1, [(0, [-1])])
    ask("more copies", 1, [(0, [1, 2])], allow_replication_factor_change=False)
    ask("repeated", 1, [(0, [1]), (0, [1])])
    world.ask("list all", "ListPartitionReassignments", 0, topics=None)
    world.ask("list none", "ListPartitionReassignments", 0, topics=[])
    world.ask("list some", "ListPartitionReassignments", 0, topics=[
        {"name": name, "partitions": [0, 9]}, {"name": "no-such-topic", "partitions": [0]}])


def cluster(world):
    for version in world.span("DescribeCluster"):
        world.ask("plain", "DescribeCluster", version)
        world.ask("operations", "DescribeCluster", version,
                  include_cluster_authorized_operations=True)
    world.ask("fenced too", "DescribeCluster", 2, include_fenced_brokers=True)
    world.ask("controllers", "DescribeCluster", 2, endpoint_type=CONTROLLER_ONLY)
    world.ask("odd endpoint", "DescribeCluster", 2, endpoint_type=9)
    for broker in (7, -1, 2147483647):
        world.ask(f"unregister {broker}", "UnregisterBroker", 0, broker_id=broker)


def scram_users(world):
    """Nobody has SCRAM credentials, but tools ask."""
    world.ask("all", "DescribeUserScramCredentials", 0, users=None)
    world.ask("none", "DescribeUserScramCredentials", 0, users=[])
    world.ask("some", "DescribeUserScramCredentials", 0, users=[{"name": "u"}])
    world.ask("twice", "DescribeUserScramCredentials", 0, users=[{"name": "u"}, {"name": "u"}])
    world.ask("no name", "DescribeUserScramCredentials", 0, users=[{"name": ""}])


SCENARIOS = [log_dirs, topic_partitions, config_resources, quorum, features, elections,
             reassignments, cluster, scram_users]
