"""Scenarios: quotas of users, clients and addresses."""

import time

from wire import batch

EXACT, DEFAULT, ANY = range(3)


def entity(*parts):
    return [{"entity_type": kind, "entity_name": name} for kind, name in parts]


def in_order(answer):
    """Entities and entries come in no order."""
    for entry in answer.get("entries") or []:
        entry["entity"].sort(key=lambda part: part["entity_type"])
        entry.get("values", []).sort(key=lambda value: value["key"])
    if answer.get("entries"):
        answer["entries"].sort(key=str)
    return answer


def alter(world, label, parts, *changes, version=1, **more):
    world.note(f"alter {label} v{version}", in_order(world.quiet(
        "AlterClientQuotas", version, **more, entries=[{
            "entity": entity(*parts),
            "operations": [{"key": key, "value": float(value), "remove": value == 0}
                           for key, value in changes]}])))


def describe(world, label, *components, version=1, **more):
    world.note(f"describe {label} v{version}", in_order(world.quiet(
        "DescribeClientQuotas", version, **more, components=[
            {"entity_type": kind, "match_type": how, "match": match}
            for kind, how, match in components])))


def quotas(world):
    user, client = ("user", world.name("u")), ("client-id", world.name("c"))
    other, address = ("user", None), ("ip", "10.1.2.3")
    for version in world.span("AlterClientQuotas"):
        alter(world, "user", [user], ("producer_byte_rate", 100000 + version), version=version)
    alter(world, "both", [client, user], ("producer_byte_rate", 1000), ("consumer_byte_rate", 2000))
    alter(world, "default", [other, client], ("request_percentage", 12.5))
    alter(world, "address", [address], ("connection_creation_rate", 500))
    alter(world, "mutations", [user], ("controller_mutation_rate", 7.5))
    alter(world, "remove absent", [user], ("consumer_byte_rate", 0))
    alter(world, "remove unknown", [user], ("no_such", 0))
    alter(world, "validate", [user], ("consumer_byte_rate", 5), validate_only=True)
    alter(world, "nothing", [user])
    world.ask("none", "AlterClientQuotas", 1, entries=[])
    bad = {
        "address and user": ([address, user], ("connection_creation_rate", 5)),
        "bytes of an address": ([address], ("producer_byte_rate", 5)),
        "connections of a user": ([user], ("connection_creation_rate", 5)),
        "unknown part": ([("planet", "x")], ("producer_byte_rate", 5)),
        "empty part": ([("", "x")], ("producer_byte_rate", 5)),
        "no part": ([], ("producer_byte_rate", 5)),
        "empty name": ([("user", "")], ("producer_byte_rate", 5)),
        "no address": ([("ip", "not an ip")], ("connection_creation_rate", 5)),
        "negative": ([user], ("producer_byte_rate", -1)),
        "fraction": ([user], ("producer_byte_rate", 1.5)),
        "large": ([user], ("producer_byte_rate", 1e300)),
        "fraction of connections": ([address], ("connection_creation_rate", 1.5)),
        "large connections": ([address], ("connection_creation_rate", 1e10)),
        "unknown key": ([user], ("no_such", 1)),
        "key twice": ([user], ("producer_byte_rate", 7), ("producer_byte_rate", 8)),
    }
    for label, (parts, *changes) in bad.items():
        alter(world, label, parts, *changes)
    world.until("the last of them", "DescribeClientQuotas", 1,
                lambda answer: len(answer["entries"]) >= 1, components=[
                    {"entity_type": "ip", "match_type": EXACT, "match": "10.1.2.3"}])
    named = (user[0], EXACT, user[1])
    for version in world.span("DescribeClientQuotas"):
        describe(world, "user", named, version=version)
    describe(world, "user strict", named, strict=True)
    describe(world, "client", (client[0], EXACT, client[1]))
    describe(world, "user and client", named, (client[0], EXACT, client[1]), strict=True)
    describe(world, "default user", ("user", DEFAULT, None))
    describe(world, "any user", ("user", ANY, None))
    describe(world, "any of both", ("user", ANY, None), ("client-id", ANY, None))
    describe(world, "addresses", ("ip", ANY, None))
    describe(world, "all")
    describe(world, "all strict", strict=True)
    describe(world, "nobody", ("user", EXACT, "nobody"))
    for label, components in {
            "mixed": [("ip", ANY, None), ("user", ANY, None)],
            "exact without": [("user", EXACT, None)], "default with": [("user", DEFAULT, "x")],
            "odd match": [("user", 9, "x")], "no type": [("", EXACT, "x")],
            "unknown type": [("planet", EXACT, "x")], "twice": [named, named]}.items():
        describe(world, label, *components)
    alter(world, "remove", [user], ("producer_byte_rate", 0), ("controller_mutation_rate", 0))
    entry = {"entity": entity(user), "operations": [
        {"key": "consumer_byte_rate", "value": 6.0, "remove": False}]}
    answer = world.quiet("AlterClientQuotas", 1, entries=[entry, entry])
    world.note("entity twice", {row["error_code"] for row in answer["entries"]} == {42})


def wait_for(world, user, count):
    world.until("the quota", "DescribeClientQuotas", 1, lambda answer: len(answer["entries"]) == count,
                components=[{"entity_type": "user", "match_type": EXACT, "match": user}], strict=True)


def throttling(world):
    """Answers come at once and tell a time; how long is compared in steps of two seconds."""
    topic = world.make_topic(world.name("throttled"))
    records = batch([(None, b"x" * 2000)] * 10, int(time.time() * 1000))

    def limit(key, value):
        world.quiet("AlterClientQuotas", 1, entries=[{
            "entity": entity(("user", "ANONYMOUS")),
            "operations": [{"key": key, "value": float(value), "remove": value == 0}]}])
        wait_for(world, "ANONYMOUS", 1 if value else 0)

    def told(label, connection, api, version, **values):
        begun = time.monotonic()
        answer = connection.ask(api, version, **values)
        steps = round(answer.pop("throttle_time_ms") / 2000)
        world.note(label, {"steps": steps, "at once": time.monotonic() - begun < 1.5})
        return answer

    def produce(label, acks=1):
        return told(label, world.another(), "Produce", 7, acks=acks, timeout_ms=1000, topics=[
            {"name": topic, "partitions": [{"index": 0, "records": records}]}])

    limit("producer_byte_rate", 1000)
    produce("producer over")
    limit("producer_byte_rate", 0)
    limit("consumer_byte_rate", 1000)
    for label in ("consumer", "consumer over"):
        told(label, world.another(), "Fetch", 11, replica_id=-1, max_wait_ms=100, min_bytes=1,
             max_bytes=9000, session_epoch=-1, topics=[{"name": topic, "partitions": [
                 {"index": 0, "fetch_offset": 0, "partition_max_bytes": 9000,
                  "current_leader_epoch": -1}]}])
    limit("consumer_byte_rate", 0)
    limit("controller_mutation_rate", 1)
    for label, version, validate in (("first", 7, False), ("second", 7, False),
                                     ("refused", 7, False), ("refused 6", 6, False),
                                     ("validate", 7, True), ("permissive", 5, False)):
        answer = told(f"create {label}", world.another(), "CreateTopics", version,
                      timeout_ms=9000, validate_only=validate, topics=[
                          {"name": world.name(f"rate-{label.replace(' ', '-')}"),
                           "partition_count": 8, "replication_factor": 1}])
        world.note(f"create {label} error", answer["topics"][0]["error_code"])
    answer = told("grow refused", world.another(), "CreatePartitions", 3, timeout_ms=9000, topics=[
        {"name": topic, "count": 3, "assignments": None}])
    world.note("grow refused error", answer["results"][0]["error_code"])
    answer = told("delete refused", world.another(), "DeleteTopics", 5, timeout_ms=9000,
                  topic_names=[topic])
    world.note("delete refused error", answer["responses" if "responses" in answer else "topics"]
               [0]["error_code"])
    unknown = world.name("rate-auto")

    def look(label):
        answer = told(f"auto {label}", world.another(), "Metadata", 12,
                      topics=[{"name": unknown, "topic_id": bytes(16)}],
                      allow_auto_topic_creation=label == "refused")
        world.note(f"auto {label} error", answer["topics"][0]["error_code"])

    look("refused")
    limit("controller_mutation_rate", 0)
    look("never made")


SCENARIOS = [quotas, throttling]
