"""Scenarios: configurations of topics and brokers, described and altered."""

from scenarios.topics import CONFIG_ERRORS

TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = range(4)
SETTLED_COUNT = 10  # readings


def by_name(answer):
    """Name to row, so that each name is compared by itself."""
    for result in answer["results"]:
        result["configs"] = {row["name"]: row for row in result["configs"]}
        for row in result["configs"].values():
            row.pop("documentation", None)
    return answer


def describe_configs(world):
    name = world.make_topic(world.name("describe"), retention_ms="1000",
                            cleanup_policy="compact,delete")

    def ask(label, version, kind, resource, keys=None, **more):
        world.note(f"{label} v{version}", by_name(world.quiet(
            "DescribeConfigs", version, **more, resources=[
                {"resource_type": kind, "resource_name": resource,
                 "configuration_keys": keys}])))

    for version in world.span("DescribeConfigs"):
        ask("topic", version, TOPIC, name)
        ask("one key", version, TOPIC, name, ["retention.ms"])
    ask("synonyms", 4, TOPIC, name, include_synonyms=True)
    ask("no keys", 4, TOPIC, name, [])
    ask("unknown key", 4, TOPIC, name, ["no.such", "retention.ms"])
    ask("key twice", 4, TOPIC, name, ["retention.ms", "retention.ms"])
    ask("broker", 4, BROKER, "1", include_synonyms=True)
    ask("broker default", 4, BROKER, "")
    ask("unknown topic", 4, TOPIC, "no-such-topic")
    ask("bad topic", 4, TOPIC, "a b")
    ask("empty topic", 4, TOPIC, "")
    ask("other broker", 4, BROKER, "7")
    ask("broker no number", 4, BROKER, "one")
    ask("unknown kind", 4, 99, "x")
    ask("kind zero", 4, 0, "x")
    answer = world.quiet("DescribeConfigs", 4, include_documentation=True, resources=[
        {"resource_type": TOPIC, "resource_name": name, "configuration_keys": ["retention.ms"]}])
    world.note("documentation", bool(answer["results"][0]["configs"][0]["documentation"]))
    world.note("none", world.quiet("DescribeConfigs", 4, resources=[]))


def value_of(world, topic, key):
    """As it is for a while: Kafka's brokers learn of a change after its answer."""
    seen = []

    def is_settled(answer):
        seen.append(answer["results"][0]["configs"][0]["value"])
        return len(seen) >= SETTLED_COUNT and len(set(seen[-SETTLED_COUNT:])) == 1

    answer = world.until("a value that stays", "DescribeConfigs", 4, is_settled, resources=[
        {"resource_type": TOPIC, "resource_name": topic, "configuration_keys": [key]}])
    row = answer["results"][0]["configs"][0]
    return {"value": row["value"], "source": row["config_source"]}


def alter_configs(world):
    name = world.make_topic(world.name("alter"), segment_ms="5000")

    def ask(label, version, kind, resource, *configs, **more):
        world.ask(label, "AlterConfigs", version, **more, resources=[
            {"resource_type": kind, "resource_name": resource, "configs": [
                {"name": key, "value": value} for key, value in configs]}])

    for version in world.span("AlterConfigs"):
        ask("set", version, TOPIC, name, ("retention.ms", str(1000 + version)))
        ask("validate", version, TOPIC, name, ("retention.ms", "5"), validate_only=True)
        world.note(f"value v{version}", value_of(world, name, "retention.ms"))
        world.note(f"replaced v{version}", value_of(world, name, "segment.ms"))
    for label, config in CONFIG_ERRORS.items():
        ask(f"error {label}", 2, TOPIC, name, config)
    ask("twice", 2, TOPIC, name, ("retention.ms", "1"), ("retention.ms", "2"))
    ask("unknown topic", 2, TOPIC, "no-such-topic", ("retention.ms", "1"))
    ask("bad topic", 2, TOPIC, "a b", ("retention.ms", "1"))
    ask("no topic", 2, TOPIC, "", ("retention.ms", "1"))
    ask("other broker", 2, BROKER, "7", ("log.retention.ms", "1"), validate_only=True)
    ask("odd broker", 2, BROKER, "one", ("log.retention.ms", "1"), validate_only=True)
    ask("read only", 2, BROKER, "1", ("num.partitions", "1"), validate_only=True)
    ask("unknown kind", 2, 99, "x", ("retention.ms", "1"))
    ask("clear", 2, TOPIC, name)
    world.note("cleared", value_of(world, name, "retention.ms"))
    resource = {"resource_type": TOPIC, "resource_name": name,
                "configs": [{"name": "retention.ms", "value": "7"}]}
    world.ask("resource twice", "AlterConfigs", 2, resources=[resource, resource])
    world.ask("none", "AlterConfigs", 2, resources=[])


def incremental(world):
    name = world.make_topic(world.name("incremental"))

    def ask(label, kind, resource, *configs, version=1, **more):
        world.ask(label, "IncrementalAlterConfigs", version, **more, resources=[
            {"resource_type": kind, "resource_name": resource, "configs": [
                {"name": key, "config_operation": operation, "value": value}
                for key, operation, value in configs]}])

    def tell(label, key):
        world.note(f"{label} value", value_of(world, name, key))

    for version in world.span("IncrementalAlterConfigs"):
        ask("set", TOPIC, name, ("retention.ms", SET, str(500 + version)), version=version)
    tell("set", "retention.ms")
    for label, config in CONFIG_ERRORS.items():
        ask(f"error {label}", TOPIC, name, (config[0], SET, config[1]))
    ask("append", TOPIC, name, ("cleanup.policy", APPEND, "compact"))
    tell("append", "cleanup.policy")
    ask("append again", TOPIC, name, ("cleanup.policy", APPEND, "compact"))
    tell("append again", "cleanup.policy")
    ask("append bad", TOPIC, name, ("cleanup.policy", APPEND, "shred"))
    ask("subtract", TOPIC, name, ("cleanup.policy", SUBTRACT, "delete"))
    tell("subtract", "cleanup.policy")
    ask("subtract absent", TOPIC, name, ("cleanup.policy", SUBTRACT, "delete"))
    tell("subtract absent", "cleanup.policy")
    ask("subtract last", TOPIC, name, ("cleanup.policy", SUBTRACT, "compact"))
    tell("subtract last", "cleanup.policy")
    ask("delete", TOPIC, name, ("cleanup.policy", DELETE, None))
    tell("delete", "cleanup.policy")
    ask("delete again", TOPIC, name, ("cleanup.policy", DELETE, None))
    ask("delete unknown", TOPIC, name, ("no.such", DELETE, None))
    ask("delete with value", TOPIC, name, ("retention.ms", DELETE, "1"))
    ask("append number", TOPIC, name, ("retention.ms", APPEND, "1"))
    ask("subtract number", TOPIC, name, ("retention.ms", SUBTRACT, "1"))
    ask("append unknown", TOPIC, name, ("no.such", APPEND, "1"))
    ask("set null", TOPIC, name, ("retention.ms", SET, None))
    ask("append null", TOPIC, name, ("cleanup.policy", APPEND, None))
    ask("bad operation", TOPIC, name, ("retention.ms", 9, "1"))
    ask("twice", TOPIC, name, ("retention.ms", SET, "1"), ("retention.ms", SET, "2"))
    ask("validate", TOPIC, name, ("retention.ms", SET, "77"), validate_only=True)
    tell("validate", "retention.ms")
    ask("no configs", TOPIC, name)
    ask("unknown topic", TOPIC, "no-such-topic", ("retention.ms", SET, "1"))
    ask("bad topic", TOPIC, "a b", ("retention.ms", SET, "1"))
    ask("no topic", TOPIC, "", ("retention.ms", SET, "1"))
    ask("unknown kind", 99, "x", ("retention.ms", SET, "1"))
    ask("other broker", BROKER, "7", ("log.retention.ms", SET, "60000"), validate_only=True)
    ask("broker", BROKER, "1", ("log.retention.ms", SET, "60000"))
    ask("broker reset", BROKER, "1", ("log.retention.ms", DELETE, None))
    ask("all brokers", BROKER, "", ("log.retention.ms", SET, "70000"))
    ask("all brokers reset", BROKER, "", ("log.retention.ms", DELETE, None))
    ask("broker unknown", BROKER, "1", ("no.such", SET, "60000"))
    ask("broker read only", BROKER, "1", ("num.partitions", SET, "6"))
    ask("broker bad value", BROKER, "1", ("log.retention.ms", SET, "soon"))
    ask("broker too low", BROKER, "1", ("log.segment.bytes", SET, "1"))
    resource = {"resource_type": TOPIC, "resource_name": name,
                "configs": [{"name": "retention.ms", "config_operation": SET, "value": "7"}]}
    world.ask("resource twice", "IncrementalAlterConfigs", 1, resources=[resource, resource])


def resources(world):
    """Groups, subscriptions to client metrics, and loggers."""
    group, metrics = world.name("group"), world.name("subscription")

    def ask(label, kind, resource, *configs, **more):
        world.ask(label, "IncrementalAlterConfigs", 1, **more, resources=[
            {"resource_type": kind, "resource_name": resource, "configs": [
                {"name": key, "config_operation": operation, "value": value}
                for key, operation, value in configs]}])

    def describe(label, kind, resource, keys=None):
        answer = world.quiet("DescribeConfigs", 4, include_synonyms=True, resources=[
            {"resource_type": kind, "resource_name": resource, "configuration_keys": keys}])
        world.note(label, by_name(answer))

    session = "consumer.session.timeout.ms"
    mine = [session, "consumer.heartbeat.interval.ms"]
    describe("group before", GROUP, group, mine)
    ask("group set", GROUP, group, (session, SET, "50000"))
    ask("group validate", GROUP, group, (session, SET, "51000"), validate_only=True)
    world.until("the group's value", "DescribeConfigs", 4, lambda answer: answer["results"][0][
        "configs"][0]["value"] == "50000", resources=[
            {"resource_type": GROUP, "resource_name": group, "configuration_keys": [session]}])
    describe("group after", GROUP, group, mine)
    ask("group bad", GROUP, group, (session, SET, "soon"))
    ask("group low", GROUP, group, (session, SET, "1"))
    ask("group high", GROUP, group, (session, SET, "9999999"))
    ask("group beat low", GROUP, group, ("consumer.heartbeat.interval.ms", SET, "1"))
    ask("group unknown", GROUP, group, ("no.such", SET, "1"))
    ask("group no name", GROUP, "", (session, SET, "50000"))
    ask("group append", GROUP, group, (session, APPEND, "1"))
    ask("group delete", GROUP, group, (session, DELETE, None))
    describe("group without a name", GROUP, "")
    describe("metrics before", METRICS, metrics)
    ask("metrics set", METRICS, metrics, ("interval.ms", SET, "1000"),
        ("metrics", SET, "org.apache.kafka.producer.,org.x"), ("match", SET, "client_id=app.*"))
    world.until("the subscription", "DescribeConfigs", 4, lambda answer: "1000" in [
        row["value"] for row in answer["results"][0]["configs"]], resources=[
            {"resource_type": METRICS, "resource_name": metrics, "configuration_keys": None}])
    describe("metrics after", METRICS, metrics)
    for label, key, value in (
            ("low", "interval.ms", "99"), ("high", "interval.ms", "3600001"),
            ("no number", "interval.ms", "x"), ("match unknown", "match", "client_idd=a"),
            ("match bad", "match", "client_id=(("), ("match bare", "match", "client_id"),
            ("match empty", "match", ""), ("unknown", "no.such", "1")):
        ask(f"metrics {label}", METRICS, metrics, (key, SET, value))
    ask("metrics no name", METRICS, "", ("interval.ms", SET, "1000"))
    describe("metrics without a name", METRICS, "")
    world.ask("metrics replace", "AlterConfigs", 2, resources=[
        {"resource_type": METRICS, "resource_name": metrics,
         "configs": [{"name": "interval.ms", "value": "2000"}]}])
    describe("logger", LOGGER, "1", ["root"])
    ask("logger same", LOGGER, "1", ("root", SET, "WARN"))
    ask("logger validate", LOGGER, "1", ("root", SET, "DEBUG"), validate_only=True)
    ask("logger bad", LOGGER, "1", ("root", SET, "NOPE"))
    ask("logger unknown", LOGGER, "1", ("no.such.logger", SET, "DEBUG"))
    ask("logger append", LOGGER, "1", ("root", APPEND, "DEBUG"))
    ask("logger delete", LOGGER, "1", ("root", DELETE, None))
    ask("logger elsewhere", LOGGER, "7", ("root", SET, "WARN"))
    ask("logger nowhere", LOGGER, "", ("root", SET, "WARN"))
    describe("logger of nobody", LOGGER, "")
    describe("logger no number", LOGGER, "one")
    world.ask("logger replace", "AlterConfigs", 2, resources=[
        {"resource_type": LOGGER, "resource_name": "1",
         "configs": [{"name": "root", "value": "WARN"}]}])


SCENARIOS = [describe_configs, alter_configs, incremental, resources]
