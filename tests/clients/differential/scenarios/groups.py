"""Scenarios: classic groups and their offsets."""

STRANGE_ID = bytes(range(16))
RANGE = b"\0\0\0\0\0\1\0\1t\0\0\0\0"


def join_request(group, member="", **more):
    return {"group_id": group, "session_timeout_ms": 10000, "member_id": member,
            "protocol_type": "consumer", "protocols": [{"name": "range", "metadata": RANGE}],
            **more}


def enter(world, group, version=5, connection=None, **more):
    """Becomes the only member of a group; the answer to the join."""
    connection = connection or world.connection
    request = join_request(group, rebalance_timeout_ms=10000, **more)
    answer = connection.ask("JoinGroup", version, **request)
    if answer["error_code"] == 79:
        request["member_id"] = answer["member_id"]
        answer = connection.ask("JoinGroup", version, **request)
    return answer


def sync(world, group, joined, version=3, assignment=b"mine", **more):
    rows = [{"member_id": joined["member_id"], "assignment": assignment}]
    return world.connection.ask("SyncGroup", version, group_id=group, assignments=rows,
                                generation_id=joined["generation_id"],
                                member_id=joined["member_id"], **more)


def coordinators(world):
    world.find_coordinator(world.name("anybody"))
    for version in world.span("FindCoordinator"):
        for kind in (0, 9) if version >= 1 else (0,):
            for label, key in (("plain", "group"), ("empty", "")):
                keys = {"coordinator_keys": [key]} if version >= 4 else {"key": key}
                if version >= 1:
                    keys["key_type"] = kind
                world.ask(f"{label} kind {kind}", "FindCoordinator", version, **keys)
    world.ask("several", "FindCoordinator", 4, coordinator_keys=["a", "b", "a"], key_type=0)
    world.ask("none", "FindCoordinator", 4, coordinator_keys=[], key_type=0)
    answer = world.quiet("Metadata", 5, topics=[{"name": "__consumer_offsets"}])
    world.note("topic", {"is_internal": answer["topics"][0]["is_internal"],
                         "partitions": len(answer["topics"][0]["partitions"])})


def joining(world):
    for version in world.span("JoinGroup"):
        group = world.name(f"join-{version}")
        world.find_coordinator(group)
        timeout = {"rebalance_timeout_ms": 10000} if version >= 1 else {}
        first = world.ask("first", "JoinGroup", version, **join_request(group, **timeout))
        if first["error_code"] == 79:
            first = world.ask("with id", "JoinGroup", version,
                              **join_request(group, first["member_id"], **timeout))
        world.ask("unknown member", "JoinGroup", version,
                  **join_request(group, "nobody", **timeout))
        world.ask("unknown group", "JoinGroup", version,
                  **join_request(group + "x", "nobody", **timeout))
        world.ask("no group", "JoinGroup", version, **join_request("", **timeout))
        world.ask("short session", "JoinGroup", version,
                  **{**join_request(group, **timeout), "session_timeout_ms": 10})
        world.ask("long session", "JoinGroup", version,
                  **{**join_request(group, **timeout), "session_timeout_ms": 1 << 30})
        world.ask("no protocols", "JoinGroup", version,
                  **{**join_request(group + "y", **timeout), "protocols": []})
        world.ask("no type", "JoinGroup", version,
                  **{**join_request(group + "z", **timeout), "protocol_type": ""})
        world.ask("other type", "JoinGroup", version,
                  **{**join_request(group, **timeout), "protocol_type": "connect"})
        world.ask("other protocol", "JoinGroup", version, **{
            **join_request(group, **timeout),
            "protocols": [{"name": "sticky", "metadata": b""}]})
        world.ask("odd metadata", "JoinGroup", version, **{
            **join_request(group + "-odd", **timeout),
            "protocols": [{"name": "range", "metadata": b"\xff"}]})


def syncing(world):
    for version in world.span("SyncGroup"):
        group = world.name(f"sync-{version}")
        world.find_coordinator(group)
        joined = enter(world, group)
        names = {"protocol_type": "consumer", "protocol_name": "range"} if version >= 5 else {}

        def ask(label, **more):
            rows = [{"member_id": joined["member_id"], "assignment": b"mine"}]
            world.ask(label, "SyncGroup", version, **{
                "group_id": group, "generation_id": joined["generation_id"],
                "member_id": joined["member_id"], "assignments": rows, **names, **more})

        ask("other member", member_id="nobody")
        ask("other generation", generation_id=99)
        ask("unknown group", group_id=group + "x")
        ask("no group", group_id="")
        if version >= 5:
            ask("other type", protocol_type="connect")
            ask("other name", protocol_name="sticky")
            ask("no names", protocol_type=None, protocol_name=None)
        ask("good")
        ask("again")
        if version >= 3:
            ask("instance", group_instance_id="i")


def beating(world):
    for version in world.span("Heartbeat"):
        group = world.name(f"beat-{version}")
        world.find_coordinator(group)
        joined = enter(world, group)

        def ask(label, **more):
            world.ask(label, "Heartbeat", version, **{
                "group_id": group, "generation_id": joined["generation_id"],
                "member_id": joined["member_id"], **more})

        ask("before sync")
        sync(world, group, joined)
        ask("good")
        ask("other member", member_id="nobody")
        ask("no member", member_id="")
        ask("other generation", generation_id=99)
        ask("generation -1", generation_id=-1)
        ask("unknown group", group_id=group + "x")
        ask("no group", group_id="")


def leaving(world):
    for version in world.span("LeaveGroup"):
        group = world.name(f"leave-{version}")
        world.find_coordinator(group)
        joined = enter(world, group)

        def ask(label, member, instance=None, name=group):
            if version < 3:
                world.ask(label, "LeaveGroup", version, group_id=name, member_id=member)
            else:
                world.ask(label, "LeaveGroup", version, group_id=name, members=[
                    {"member_id": member, "group_instance_id": instance}])

        ask("unknown group", joined["member_id"], name=group + "x")
        ask("no group", joined["member_id"], name="")
        ask("unknown member", "nobody")
        if version >= 3:
            ask("unknown instance", "", "i")
        ask("good", joined["member_id"])
        ask("again", joined["member_id"])
    world.ask("nobody", "LeaveGroup", 4, group_id=group, members=[])


def static_members(world):
    group = world.name("static")
    world.find_coordinator(group)
    joined = enter(world, group, group_instance_id="one")
    world.note("joined", joined)
    world.note("synced", sync(world, group, joined, group_instance_id="one"))
    again = enter(world, group, group_instance_id="one")
    world.note("came back", again)
    world.ask("old beat", "Heartbeat", 3, group_id=group, generation_id=joined["generation_id"],
              member_id=joined["member_id"], group_instance_id="one")
    world.ask("new beat", "Heartbeat", 3, group_id=group, generation_id=again["generation_id"],
              member_id=again["member_id"], group_instance_id="one")
    world.ask("old sync", "SyncGroup", 3, group_id=group, generation_id=joined["generation_id"],
              member_id=joined["member_id"], group_instance_id="one")
    world.note("new sync", sync(world, group, again, group_instance_id="one"))
    newest = enter(world, group, 9, group_instance_id="one")
    world.note("back in version 9", newest)
    world.ask("old commit", "OffsetCommit", 7, group_id=group, member_id=joined["member_id"],
              generation_id_or_member_epoch=joined["generation_id"], group_instance_id="one",
              topics=[])
    world.ask("described", "DescribeGroups", 5, groups=[group])
    world.ask("leave wrong id", "LeaveGroup", 4, group_id=group, members=[
        {"member_id": joined["member_id"], "group_instance_id": "one"}])
    world.ask("leave by instance", "LeaveGroup", 4, group_id=group, members=[
        {"member_id": "", "group_instance_id": "one"}])


def committing(world):
    topic = world.make_topic(world.name("commit"), 3)
    ids = {topic: world.topic_id(topic)}
    for version in world.span("OffsetCommit"):
        group = world.name(f"commit-{version}")
        world.find_coordinator(group)

        def ask(label, parts, topic=topic, **more):
            rows = [{"index": index, "committed_offset": offset, "committed_metadata": text,
                     **({"committed_leader_epoch": 0} if version >= 6 else {})}
                    for index, offset, text in parts]
            world.ask(label, "OffsetCommit", version, **{
                "group_id": group, "topics": [{"name": topic, "topic_id": ids.get(topic, STRANGE_ID),
                                               "partitions": rows}], **more})

        ask("admin", [(0, 5, "note"), (1, 6, None), (2, 0, "")])
        ask("unknown topic", [(0, 5, "")], "no-such-topic")
        ask("unknown partition", [(9, 5, "")])
        ask("long note", [(0, 5, "x" * 5000)])
        ask("negative", [(0, -1, "")])
        ask("stranger", [(0, 5, "")], generation_id_or_member_epoch=3, member_id="nobody")
        ask("no group", [(0, 5, "")], group_id="")
        ask("nothing", [])
        ask("generation without group", [(0, 5, "")], group_id=group + "x",
            generation_id_or_member_epoch=1, member_id="m")
        joined = enter(world, group)
        ask("before sync", [(0, 7, "")], member_id=joined["member_id"],
            generation_id_or_member_epoch=joined["generation_id"])
        sync(world, group, joined)
        ask("member", [(0, 7, "")], member_id=joined["member_id"],
            generation_id_or_member_epoch=joined["generation_id"])
        ask("admin while in use", [(0, 8, "")])
        ask("other generation", [(0, 8, "")], member_id=joined["member_id"],
            generation_id_or_member_epoch=99)
        ask("other member", [(0, 8, "")], member_id="nobody",
            generation_id_or_member_epoch=joined["generation_id"])
    world.ask("no topics", "OffsetCommit", 7, group_id=group, topics=[])


def fetching(world):
    topic = world.make_topic(world.name("fetched"), 2)
    known = world.topic_id(topic)
    group = world.name("fetched")
    world.find_coordinator(group)
    world.quiet("OffsetCommit", 7, group_id=group, topics=[{"name": topic, "partitions": [
        {"index": 0, "committed_offset": 5, "committed_metadata": "note",
         "committed_leader_epoch": 0}]}])
    for version in world.span("OffsetFetch"):
        def ask(label, name, topics, **more):
            if version < 8:
                rows = topics and [{"name": row["name"], "partition_indexes":
                                    row["partition_indexes"]} for row in topics]
                world.ask(label, "OffsetFetch", version, group_id=name, topics=rows, **more)
            else:
                world.ask(label, "OffsetFetch", version,
                          groups=[{"group_id": name, "topics": topics}], **more)

        both = [{"name": topic, "topic_id": known, "partition_indexes": [0, 1, 9]}]
        ask("some", group, both)
        ask("unknown topic", group, [
            {"name": "no-such-topic", "topic_id": STRANGE_ID, "partition_indexes": [0]}])
        ask("unknown group", group + "x", both)
        ask("no group", "", both)
        ask("none", group, [])
        if version >= 2:
            ask("all", group, None)
            ask("all of unknown", group + "x", None)
        if version >= 7:
            stable = {"require_stable": True}
            ask("stable", group, both, **stable)
        if version >= 9:
            for label, member, epoch in (("member", "m", 1), ("epoch", None, 1)):
                world.ask(f"by {label}", "OffsetFetch", version, groups=[
                    {"group_id": group, "topics": both, "member_id": member,
                     "member_epoch": epoch}])
    world.ask("two groups", "OffsetFetch", 8, groups=[
        {"group_id": group, "topics": both}, {"group_id": group + "x", "topics": None}])
    world.ask("no groups", "OffsetFetch", 8, groups=[])


def looking(world):
    group = world.name("looked-at")
    world.find_coordinator(group)
    joined = enter(world, group)
    for version in world.span("DescribeGroups"):
        world.ask("joined", "DescribeGroups", version, groups=[group])
    sync(world, group, joined)
    for version in world.span("DescribeGroups"):
        world.ask("stable", "DescribeGroups", version, groups=[group])
        world.ask("unknown", "DescribeGroups", version, groups=[group + "x"])
        world.ask("empty name", "DescribeGroups", version, groups=[""])
        world.ask("twice", "DescribeGroups", version, groups=[group, group])
        world.ask("none", "DescribeGroups", version, groups=[])
        if version >= 3:
            world.ask("operations", "DescribeGroups", version, groups=[group],
                      include_authorized_operations=True)
    for version in world.span("ListGroups"):
        def listed(label, **more):
            answer = world.quiet("ListGroups", version, **more)
            rows = [row for row in answer["groups"] if row["group_id"] == group]
            world.note(f"{label} v{version}", {"error": answer["error_code"], "rows": rows})

        listed("list")
        if version >= 4:
            listed("stable only", states_filter=["Stable"])
            listed("lower case", states_filter=["stable"])
            listed("other state", states_filter=["Empty"])
            listed("odd state", states_filter=["Sleepy"])
        if version >= 5:
            listed("classic", types_filter=["classic"])
            listed("consumer", types_filter=["consumer"])
            listed("odd type", types_filter=["odd"])
            listed("upper type", types_filter=["CLASSIC"])
    world.quiet("LeaveGroup", 1, group_id=group, member_id=joined["member_id"])
    world.ask("left", "DescribeGroups", 5, groups=[group])


def deleting(world):
    topic = world.make_topic(world.name("group-delete"), 2)
    for version in world.span("DeleteGroups"):
        group = world.name(f"delete-group-{version}")
        world.find_coordinator(group)
        joined = enter(world, group)
        sync(world, group, joined)
        world.ask("in use", "DeleteGroups", version, group_names=[group])
        world.quiet("LeaveGroup", 1, group_id=group, member_id=joined["member_id"])
        world.ask("left", "DeleteGroups", version, group_names=[group])
        world.ask("again", "DeleteGroups", version, group_names=[group])
        world.ask("empty", "DeleteGroups", version, group_names=[""])
        world.ask("twice", "DeleteGroups", version, group_names=[group, group])
        world.ask("none", "DeleteGroups", version, group_names=[])
    group = world.name("offset-delete")
    world.find_coordinator(group)

    def commit():
        world.quiet("OffsetCommit", 5, group_id=group, topics=[{"name": topic, "partitions": [
            {"index": index, "committed_offset": 5, "committed_metadata": ""}
            for index in range(2)]}])

    def ask(label, name, topic=topic, indexes=(0,)):
        world.ask(label, "OffsetDelete", 0, group_id=name, topics=[
            {"name": topic, "partitions": [{"index": index} for index in indexes]}])

    ask("unknown group", group)
    commit()
    ask("gone", group)
    ask("gone again", group)
    ask("unknown topic", group, "no-such-topic")
    ask("unknown partition", group, indexes=(9,))
    ask("no group", "")
    world.ask("left over", "OffsetFetch", 5, group_id=group, topics=None)
    commit()
    joined = enter(world, group)
    sync(world, group, joined)
    ask("other topic in use", group)
    world.ask("after", "OffsetFetch", 5, group_id=group, topics=None)
    world.ask("no topics", "OffsetDelete", 0, group_id=group, topics=[])


def rebalancing(world):
    """Two members: what each is told on the way from one generation to the next."""
    group = world.name("pair")
    world.find_coordinator(group)
    first = enter(world, group)
    sync(world, group, first)
    other = world.another()
    promised = other.ask("JoinGroup", 5, **join_request(group, rebalance_timeout_ms=10000))
    other.send("JoinGroup", 5, join_request(group, promised["member_id"],
                                            rebalance_timeout_ms=10000))
    beat = {"group_id": group, "generation_id": first["generation_id"],
            "member_id": first["member_id"]}
    world.until("rebalance", "Heartbeat", 3, lambda answer: answer["error_code"] == 27, **beat)
    world.ask("sync while joining", "SyncGroup", 3, **beat, assignments=[])
    world.ask("commit while joining", "OffsetCommit", 7, group_id=group, topics=[],
              member_id=first["member_id"],
              generation_id_or_member_epoch=first["generation_id"])
    described = world.quiet("DescribeGroups", 4, groups=[group])
    described["groups"][0]["members"].sort(key=lambda row: row["member_assignment"])
    world.note("describe while joining", described)
    world.ask("delete while joining", "DeleteGroups", 1, group_names=[group])
    second = world.connection.ask("JoinGroup", 5, **join_request(
        group, first["member_id"], rebalance_timeout_ms=10000))
    joined = other.take("JoinGroup", 5)
    world.note("leader", {**second, "members": len(second["members"])})
    world.note("follower", joined)
    world.ask("beat while completing", "Heartbeat", 3, group_id=group,
              generation_id=second["generation_id"], member_id=first["member_id"])
    other.send("SyncGroup", 3, {"group_id": group, "generation_id": joined["generation_id"],
                                "member_id": joined["member_id"]})
    world.note("leader sync", world.connection.ask(
        "SyncGroup", 3, group_id=group, generation_id=second["generation_id"],
        member_id=first["member_id"], assignments=[
            {"member_id": first["member_id"], "assignment": b"a"},
            {"member_id": joined["member_id"], "assignment": b"b"}]))
    world.note("follower sync", other.take("SyncGroup", 3))
    world.ask("same again", "JoinGroup", 5, **join_request(
        group, joined["member_id"], rebalance_timeout_ms=10000))
    world.quiet("LeaveGroup", 1, group_id=group, member_id=joined["member_id"])
    world.until("second rebalance", "Heartbeat", 3, lambda answer: answer["error_code"] == 27,
                group_id=group, generation_id=second["generation_id"],
                member_id=first["member_id"])
    other.close()


SCENARIOS = [coordinators, joining, syncing, beating, leaving, static_members, committing,
             fetching, looking, deleting, rebalancing]
