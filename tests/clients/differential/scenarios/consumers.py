"""Scenarios: consumer groups (KIP-848), step by step, with several members in the hand of the test.

Kafka may compute assignments a second after they could have been computed, and expressions on another
thread; what depends on one is asked until it is there (`settle`), and only then noted.
"""

import time
import uuid

PATIENCE_SECONDS = 20


class Member:
    """One member of a group: remembers its epoch and what it was told to have."""

    def __init__(self, world, group, text, version=1, instance=None):
        self.world = world
        self.group = group
        self.version = version
        self.instance = instance
        self.id = str(uuid.uuid5(uuid.NAMESPACE_OID, world.name(text)))
        self.epoch = 0
        self.has = []

    def request(self, **more):
        values = {"group_id": self.group, "member_id": self.id, "member_epoch": self.epoch,
                  "instance_id": self.instance, "rack_id": None, "rebalance_timeout_ms": -1,
                  "subscribed_topic_names": None, "subscribed_topic_regex": None,
                  "server_assignor": None, "topics": None}
        values.update(more)
        if self.version < 1:
            del values["subscribed_topic_regex"]
        return values

    def ask(self, **more):
        answer = self.world.quiet("ConsumerGroupHeartbeat", self.version, **self.request(**more))
        if answer["error_code"] == 0:
            self.id = answer["member_id"]
            self.epoch = answer["member_epoch"]
            if answer["assignment"] is not None:
                self.has = answer["assignment"]["topics"]
        return answer

    def note(self, label, **more):
        answer = self.ask(**more)
        if answer["assignment"] is not None:
            answer["assignment"] = told(answer["assignment"]["topics"])
        self.world.note(f"{label} v{self.version}", answer)
        return answer

    def join(self, names, **more):
        self.epoch = 0
        self.has = []
        return self.ask(**self.joining(names, **more))

    def joining(self, names, **more):
        return {"member_epoch": 0, "rebalance_timeout_ms": 10000, "subscribed_topic_names": names,
                "topics": [], **more}

    def own(self, **more):
        """Says that it has what it was told to have."""
        return self.ask(topics=self.has, **more)

    def leave(self, epoch=-1):
        return self.ask(member_epoch=epoch)


def told(topics):
    """How many partitions of how many topics: which is the broker's choice."""
    return sorted(len(topic["partitions"]) for topic in topics)


def settle(members, count):
    """Heartbeats in turn, giving up what is to be given up, until `count` partitions are dealt out and
    all epochs are equal."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        for member in members:
            member.own()
        dealt = sum(len(topic["partitions"]) for member in members for topic in member.has)
        if dealt == count and len({member.epoch for member in members}) == 1:
            described = describe(members[0].world, members[0].group)
            if described["group_state"] == "Stable":
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{dealt} of {count} partitions: {[m.has for m in members]}")
        time.sleep(0.05)


def describe(world, group, version=1):
    answer = world.quiet("ConsumerGroupDescribe", version, groups=[group],
                         include_authorized_operations=True)
    return answer["groups"][0]


def note_group(world, label, group, names=None, version=1):
    described = describe(world, group, version)
    rows = []
    for member in described.pop("members"):
        row = dict(member)
        for key in ("assignment", "target_assignment"):
            row[key] = told(row[key]["topic_partitions"])
        row["subscribed_topic_names"] = sorted(row["subscribed_topic_names"])
        rows.append(row)
    rows.sort(key=lambda row: (row["instance_id"] or "", row["client_id"], row["member_id"]))
    described["members"] = rows
    world.note(label, described)


def judging(world):
    world.find_coordinator(world.name("judged"))
    topic = world.make_topic(world.name("judged"))
    for version in world.span("ConsumerGroupHeartbeat"):
        group = world.name(f"judged-{version}")

        def ask(label, **more):
            member = Member(world, more.pop("group", group), f"m{version}", version)
            world.ask(label, "ConsumerGroupHeartbeat", version, **member.request(**more))

        def join(label, **more):
            member = Member(world, group, f"m{version}", version)
            ask(label, **{**member.joining([topic]), **more})

        ask("unknown group", group=group + "x", member_epoch=3)
        ask("leave unknown group", group=group + "x", member_epoch=-1)
        join("no group", group="")
        join("empty instance", instance_id="")
        join("empty rack", rack_id="")
        join("no timeout", rebalance_timeout_ms=-1)
        join("no owned", topics=None)
        join("owned", topics=[{"topic_id": bytes(16), "partitions": [0]}])
        join("no topics", subscribed_topic_names=None)
        ask("away without instance", member_epoch=-2)
        ask("odd epoch", member_epoch=-3)
        join("odd assignor", server_assignor="mine")
        if version >= 1:
            join("no member", member_id="")
        else:
            world.note("an id is made", Member(world, group + "-made", "x", version).join(
                [topic], member_id="")["member_id"])
        ask("no member later", member_id="", member_epoch=1)


def expressions(world):
    world.find_coordinator(world.name("regex"))
    group = world.name("regex")
    for label, regex in (("class", "[a"), ("ahead", "a(?=b)"), ("behind", "a(?<=b)"),
                         ("back", "(a)\\1"), ("nested", "a**"), ("possessive", "a*+"),
                         ("count", "a{1001}"), ("escape", "\\y"), ("end", "a\\"),
                         ("nothing", "*"), ("open", "(a"), ("close", "a)"), ("flag", "(?x)a"),
                         ("property", "\\p{Nonsense}"), ("range", "[z-a]"), ("atomic", "(?>a)"),
                         ("name", "(?P<>a)"), ("cut", "\\Ka"), ("line", "\\Ra")):
        member = Member(world, group, label)
        member.note(f"bad {label}", **member.joining(None, subscribed_topic_regex=regex))
    one = world.make_topic(world.name("rx-one"), 2)
    world.make_topic(world.name("rx-two"), 1)
    run = world.run
    for label, regex, count in (
            ("dot", f"rx-.*[.]{run}", 3), ("or", f"rx-(one|two)\\.{run}", 3),
            ("whole", "rx-one", 0), ("case", f"(?i)RX-ONE.{run}", 2),
            ("quote", f"\\Qrx-one.{run}\\E", 2), ("named", f"(?P<n>rx)-one.{run}", 2),
            ("lazy", f"rx.*?one.*?{run}", 2), ("posix", f"[[:alpha:]]+-one[.]\\w+", 2),
            ("bound", f"\\Arx-\\bone.{run}\\z", 2)):
        member = Member(world, world.name(f"regex-{label}"), label)
        member.join(None, subscribed_topic_regex=regex)
        settle([member], count)
        world.note(f"good {label}", told(member.has))
        member.leave()
    member = Member(world, world.name("regex-internal"), "internal")
    member.join(None, subscribed_topic_regex="__consumer_.*")
    world.until("resolution", "ConsumerGroupDescribe", 1,
                lambda answer: member.ask() and member.epoch >= 2 and
                answer["groups"][0]["group_state"] == "Stable", groups=[member.group],
                include_authorized_operations=False)
    world.note("internal", told(member.has))
    member = Member(world, world.name("regex-later"), "later")
    member.join([one], subscribed_topic_regex=f"later-.*{run}")
    settle([member], 2)
    world.make_topic(world.name("later-a"), 3)
    settle([member], 5)
    note_group(world, "later", member.group)
    member.ask(subscribed_topic_regex="")
    settle([member], 2)
    note_group(world, "no more", member.group)


def membership(world):
    world.find_coordinator(world.name("members"))
    topic = world.make_topic(world.name("members"), 6)
    for version in world.span("ConsumerGroupHeartbeat"):
        group = world.name(f"members-{version}")
        first = Member(world, group, "first", version)
        second = Member(world, group, "second", version)
        first.note("join", **first.joining([topic]))
        note_group(world, f"alone v{version}", group, version=version)
        first.note("nothing new")
        second.join([topic])
        settle([first, second], 6)
        note_group(world, f"two v{version}", group, version=version)
        world.note(f"shares v{version}", [told(first.has), told(second.has)])
        first.note("greater", member_epoch=first.epoch + 5)
        second.note("unknown member", member_id="nobody")
        first.note("older", member_epoch=1, topics=[])
        first.note("everything", rebalance_timeout_ms=10000, subscribed_topic_names=[topic],
                   topics=first.has)
        first.note("rejoin", **first.joining([topic]))
        settle([first, second], 6)
        first.note("leave", member_epoch=-1)
        first.note("leave again", member_epoch=-1)
        note_group(world, f"one left v{version}", group, version=version)
        settle([second], 6)
        note_group(world, f"one v{version}", group, version=version)
        second.leave()
        note_group(world, f"empty v{version}", group, version=version)


def subscriptions(world):
    world.find_coordinator(world.name("subs"))
    group = world.name("subs")
    topic = world.make_topic(world.name("subs-a"), 2)
    other = world.make_topic(world.name("subs-b"), 1)
    member = Member(world, group, "m")
    member.note("nothing", **member.joining([]))
    note_group(world, "nothing subscribed", group)
    member.ask(subscribed_topic_names=["missing"])
    note_group(world, "missing", group)
    member.ask(subscribed_topic_names=[topic, other, topic])
    settle([member], 3)
    note_group(world, "two topics", group)
    member.ask(subscribed_topic_names=[other], topics=member.has)
    settle([member], 1)
    note_group(world, "one topic", group)
    world.quiet("CreatePartitions", 1, timeout_ms=10000, validate_only=False, topics=[
        {"name": other, "count": 4, "assignments": None}])
    settle([member], 4)
    note_group(world, "grown", group)
    world.quiet("DeleteTopics", 3, timeout_ms=10000, topic_names=[other])
    settle([member], 0)
    note_group(world, "deleted", group)
    member.ask(rack_id="r1", rebalance_timeout_ms=20000, server_assignor="range")
    note_group(world, "described", group)


def static_members(world):
    world.find_coordinator(world.name("static"))
    group = world.name("static")
    topic = world.make_topic(world.name("static"), 4)
    first = Member(world, group, "s1", instance="i")
    other = Member(world, group, "s2", instance="j")
    heir = Member(world, group, "s3", instance="i")
    first.join([topic])
    other.join([topic])
    settle([first, other], 4)
    heir.note("unreleased", **heir.joining([topic]))
    first.note("unknown instance", instance_id="nobody")
    heir.note("fenced", member_epoch=first.epoch)
    heir.note("fenced leave", member_epoch=-1)
    heir.note("fenced away", member_epoch=-2)
    epoch = first.epoch
    first.note("away", member_epoch=-2)
    note_group(world, "one away", group)
    heir.note("back", **heir.joining([topic]))
    note_group(world, "one back", group)
    first.note("former", member_epoch=epoch)
    heir.note("leave", member_epoch=-1)
    note_group(world, "one left", group)


def offsets(world):
    world.find_coordinator(world.name("epochs"))
    group = world.name("epochs")
    topic = world.make_topic(world.name("epochs"), 2)
    topic_id = world.topic_id(topic)
    first = Member(world, group, "o1")
    first.join([topic])
    settle([first], 2)

    def commit(label, version, member, epoch, partition=0):
        world.ask(label, "OffsetCommit", version, group_id=group, member_id=member,
                  generation_id_or_member_epoch=epoch, topics=[
                      {"name": topic, "topic_id": topic_id, "partitions": [
                          {"index": partition, "committed_offset": 0, "committed_metadata": ""}]}])

    def fetch(label, version, member, epoch):
        world.ask(f"fetch {label}", "OffsetFetch", version, groups=[
            {"group_id": group, "member_id": member, "member_epoch": epoch, "topics": [
                {"name": topic, "topic_id": topic_id, "partition_indexes": [0]}]}])

    for version in (8, 9, 10):
        commit("member", version, first.id, first.epoch)
        commit("greater", version, first.id, first.epoch + 1)
        commit("before assigned", version, first.id, 1)
        commit("stranger", version, "nobody", first.epoch)
        commit("admin", version, "", -1)
    for version in (9, 10):
        fetch("member", version, first.id, first.epoch)
        fetch("greater", version, first.id, first.epoch + 1)
        fetch("smaller", version, first.id, first.epoch - 1)
        fetch("stranger", version, "nobody", first.epoch)
        fetch("anybody", version, None, -1)
    second = Member(world, group, "o2")
    epoch = first.epoch
    second.join([topic])
    settle([first, second], 2)
    mine = first.has[0]["partitions"][0]
    commit("older of mine", 9, first.id, epoch, mine)
    commit("older of others", 9, first.id, epoch, 1 - mine)
    commit("of others", 9, first.id, first.epoch, 1 - mine)
    world.ask("delete subscribed", "OffsetDelete", 0, group_id=group, topics=[
        {"name": topic, "partitions": [{"index": 0}]}])
    world.ask("delete used", "DeleteGroups", 2, group_names=[group])
    first.leave()
    second.leave()
    commit("admin of empty", 9, "", -1)
    fetch("anybody of empty", 9, None, -1)
    world.ask("delete offset", "OffsetDelete", 0, group_id=group, topics=[
        {"name": topic, "partitions": [{"index": 0}]}])
    world.ask("delete", "DeleteGroups", 2, group_names=[group])
    note_group(world, "deleted", group)
    world.ask("delete again", "DeleteGroups", 2, group_names=[group])


def kinds(world):
    group = world.name("kinds")
    world.find_coordinator(group)
    topic = world.make_topic(world.name("kinds"))
    member = Member(world, group, "k")
    member.join([topic])
    settle([member], 1)
    for version in world.span("DescribeGroups"):
        world.ask("classic description", "DescribeGroups", version, groups=[group])
    world.ask("unknown", "ConsumerGroupDescribe", 1, groups=[group + "x"])
    world.ask("no group", "ConsumerGroupDescribe", 1, groups=[""])

    def listed(label, **more):
        answer = world.quiet("ListGroups", 5, **{"states_filter": [], "types_filter": [], **more})
        rows = [row for row in answer["groups"] if row["group_id"] == group]
        world.note(label, {"error_code": answer["error_code"], "groups": rows})

    listed("all")
    listed("consumer", types_filter=["consumer"])
    listed("Consumer", types_filter=["Consumer"])
    listed("classic", types_filter=["classic"])
    listed("stable", states_filter=["stable"])
    listed("stable and empty", states_filter=["Stable", "Empty"])
    listed("assigning", states_filter=["Assigning"])
    listed("preparing", states_filter=["PreparingRebalance"])
    for version in world.span("ListGroups"):
        answer = world.quiet("ListGroups", version)
        world.note(f"list v{version}", [row for row in answer["groups"]
                                        if row["group_id"] == group])
    member.leave()
    listed("empty", states_filter=["Empty"])


def group_options(world):
    group = world.name("options")
    world.find_coordinator(group)
    topic = world.make_topic(world.name("options"))
    member = Member(world, group, "o")
    answer = member.join([topic])
    world.note("the broker's", answer["heartbeat_interval_ms"])
    world.ask("set", "IncrementalAlterConfigs", 1, validate_only=False, resources=[
        {"resource_type": 32, "resource_name": group, "configs": [
            {"name": "consumer.heartbeat.interval.ms", "config_operation": 0, "value": "6000"},
            {"name": "consumer.session.timeout.ms", "config_operation": 0, "value": "50000"}]}])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while member.ask()["heartbeat_interval_ms"] != 6000 and time.monotonic() < deadline:
        time.sleep(0.05)
    world.note("its own", member.ask()["heartbeat_interval_ms"])


SCENARIOS = [group_options, judging, expressions, membership, subscriptions, static_members, offsets, kinds]
