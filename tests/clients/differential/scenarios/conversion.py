"""Scenarios: groups that change between the classic and the consumer protocol with members in them."""

import struct
import time

from scenarios.consumers import PATIENCE_SECONDS, Member, describe, note_group, told


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def partitions(owned):
    """{topic: [partition]} as an array of the consumer protocol."""
    return struct.pack(">i", len(owned)) + b"".join(
        text(topic) + struct.pack(f">i{len(rows)}i", len(rows), *rows)
        for topic, rows in owned.items())


def subscription(topics, owned=None):
    names = struct.pack(">i", len(topics)) + b"".join(text(topic) for topic in topics)
    return struct.pack(">h", 1) + names + struct.pack(">i", -1) + partitions(owned or {})


def assignment(owned, user_data=b""):
    return struct.pack(">h", 1) + partitions(owned) + (
        struct.pack(">i", len(user_data)) + user_data if user_data else struct.pack(">i", -1))


def read_assignment(raw):
    """{topic: count}"""
    if not raw:
        return "nothing"
    at, out = 6, {}
    for _ in range(struct.unpack(">i", raw[2:6])[0]):
        size, = struct.unpack(">h", raw[at:at + 2])
        name = raw[at + 2:at + 2 + size].decode()
        count, = struct.unpack(">i", raw[at + 2 + size:at + 6 + size])
        out[name] = count
        at += 6 + size + 4 * count
    return out


class Classic:
    """A member that speaks the classic protocol."""

    def __init__(self, world, group, topics, instance=None, kind="consumer"):
        self.world = world
        self.group = group
        self.topics = topics
        self.instance = instance
        self.kind = kind
        self.id = ""
        self.generation = -1
        self.metadata = subscription(topics)

    def join(self, version=5, **more):
        values = {"group_id": self.group, "session_timeout_ms": 20000,
                  "rebalance_timeout_ms": 20000, "member_id": self.id,
                  "protocol_type": self.kind, "group_instance_id": self.instance,
                  "protocols": [{"name": "range", "metadata": self.metadata}], **more}
        answer = self.world.quiet("JoinGroup", version, **values)
        if answer["member_id"]:
            self.id = answer["member_id"]
        if answer["error_code"] == 79:
            return self.join(version, **more)
        if answer["error_code"] == 0:
            self.generation = answer["generation_id"]
        return answer

    def note_join(self, label, version=5, **more):
        answer = self.join(version, **more)
        self.world.note(f"{label} v{version}", {
            key: value for key, value in answer.items() if key not in ("member_id", "leader")}
            | {"is_leader": answer["leader"] == answer["member_id"]})
        return answer

    def sync(self, label=None, shares=(), version=3, **more):
        rows = [{"member_id": member.id, "assignment": raw} for member, raw in shares]
        answer = self.world.quiet("SyncGroup", version, **{
            "group_id": self.group, "generation_id": self.generation, "member_id": self.id,
            "group_instance_id": self.instance, "assignments": rows, **more})
        if label:
            self.world.note(f"{label} v{version}", {
                **answer, "assignment": read_assignment(answer["assignment"])})
        return answer

    def beat(self, **more):
        return self.world.quiet("Heartbeat", 3, **{
            "group_id": self.group, "generation_id": self.generation, "member_id": self.id,
            "group_instance_id": self.instance, **more})["error_code"]

    def leave(self):
        return self.world.quiet("LeaveGroup", 3, group_id=self.group, members=[
            {"member_id": self.id, "group_instance_id": self.instance}])

    def follow(self):
        """Joins again and asks for its share for as long as its heartbeat says so."""
        code = self.beat()
        if code == 27:
            self.join()
            return self.sync()
        return code


def rest(new, old):
    """Heartbeats until the group is at rest."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    quiet = 0
    while quiet < 3:
        before = [(member.epoch, str(member.has)) for member in new]
        codes = []
        for member in new:
            member.own()
        for member in old:
            codes.append(member.follow())
        state = describe(new[0].world, new[0].group)["group_state"] if new else "Stable"
        after = [(member.epoch, str(member.has)) for member in new]
        is_quiet = state == "Stable" and before == after and all(code == 0 for code in codes)
        quiet = quiet + 1 if is_quiet else 0
        if time.monotonic() > deadline:
            raise TimeoutError(f"{state} {codes} {after}")
        time.sleep(0.4)


def classic_state(world, group):
    answer = world.quiet("DescribeGroups", 5, groups=[group])["groups"][0]
    return {"state": answer["group_state"], "type": answer["protocol_type"],
            "members": len(answer["members"]), "error_code": answer["error_code"]}


def downgrade(world):
    world.find_coordinator(world.name("down"))
    topic = world.make_topic(world.name("down"), 4)
    group = world.name("down")
    new = Member(world, group, "new")
    new.join([topic])
    rest([new], [])
    old = Classic(world, group, [topic])
    old.note_join("enter")
    old.sync("first sync")
    world.note("first heartbeat", old.beat())
    rest([new], [old])
    old.sync("second sync")
    note = describe(world, group)
    world.note("mixed", sorted((member["member_type"], told(member["assignment"]["topic_partitions"]))
                               for member in note["members"]))
    world.note("mixed state", note["group_state"])
    world.note("classic description", classic_state(world, group))
    world.note("bad generation", old.beat(generation_id=99))
    world.note("bad member", old.beat(member_id="nobody"))
    world.note("new member's", old.beat(member_id=new.id, generation_id=new.epoch))
    old.sync("bad generation sync", generation_id=99)
    old.sync("bad protocol sync", version=5, protocol_type="consumer", protocol_name="mine")
    other = Classic(world, group, [topic], kind="connect")
    other.note_join("other type")
    other = Classic(world, group, [topic])
    other.note_join("other protocol", protocols=[{"name": "mine", "metadata": b""}])
    commit = world.quiet("OffsetCommit", 7, group_id=group, member_id=old.id,
                         generation_id_or_member_epoch=old.generation, topics=[
                             {"name": topic, "partitions": [
                                 {"index": 0, "committed_offset": 0, "committed_metadata": "",
                                  "committed_leader_epoch": 0}]}])
    world.note("commit", commit)
    new.leave()
    state = classic_state(world, group)
    world.note("after", {**state, "state": state["state"]})
    world.note("told to join", old.beat(generation_id=old.generation + 1))
    answer = old.join()
    world.note("leads", answer["leader"] == old.id)
    old.sync("assigned by the leader", [(old, assignment({topic: [0, 1]}))])
    world.note("at rest", classic_state(world, group))
    world.note("leave", [row["error_code"] for row in old.leave()["members"]])


def upgrade(world):
    world.find_coordinator(world.name("up"))
    topic = world.make_topic(world.name("up"), 4)
    group = world.name("up")
    old = Classic(world, group, [topic])
    old.join()
    old.sync(shares=[(old, assignment({topic: [0, 1, 2, 3]}))])
    world.note("classic", classic_state(world, group))
    new = Member(world, group, "new")
    answer = new.join([topic])
    world.note("enters", {"error_code": answer["error_code"], "epoch": answer["member_epoch"]})
    world.note("not classic", classic_state(world, group))
    rest([new], [old])
    note = describe(world, group)
    world.note("mixed", sorted((member["member_type"], told(member["assignment"]["topic_partitions"]))
                               for member in note["members"]))
    old.sync("shares")
    world.note("leave", [row["error_code"] for row in old.leave()["members"]])
    rest([new], [])
    note_group(world, "all new", group)
    new.leave()
    back = Classic(world, group, [topic])
    back.note_join("empty becomes classic")
    world.note("again classic", classic_state(world, group))


def refusals(world):
    world.find_coordinator(world.name("refuse"))
    topic = world.make_topic(world.name("refuse"), 2)
    for label, kind, metadata, raw in (
            ("other type", "connect", None, None),
            ("malformed metadata", "consumer", b"\xff", None),
            ("user data", "consumer", None, assignment({topic: [0]}, b"custom")),
            ("malformed assignment", "consumer", None, b"\0\1\0\0\0\7"),
            ("unknown topic", "consumer", None, assignment({"missing": [0]})),
            ("nothing assigned", "consumer", None, b"")):
        group = world.name(f"refuse-{label.replace(' ', '-')}")
        old = Classic(world, group, [topic], kind=kind)
        if metadata is not None:
            old.metadata = metadata
        if old.join()["error_code"] != 0:
            world.note(label, "not even classic")
            continue
        old.sync(shares=[(old, assignment({topic: [0, 1]}) if raw is None else raw)])
        new = Member(world, group, label)
        answer = new.join([topic])
        world.note(label, {"error_code": answer["error_code"], "has message":
                           answer["error_message"] is not None})
        world.note(f"{label} afterwards", classic_state(world, group))


def static_conversion(world):
    world.find_coordinator(world.name("static-up"))
    topic = world.make_topic(world.name("static-up"), 2)
    group = world.name("static-up")
    old = Classic(world, group, [topic], instance="i")
    old.join()
    old.sync(shares=[(old, assignment({topic: [0, 1]}))])
    new = Member(world, group, "s", instance="i")
    answer = new.join([topic])
    world.note("takes over", answer["error_code"])
    rest([new], [])
    note_group(world, "alone", group)
    world.note("former self", old.beat())
    again = Classic(world, group, [topic], instance="i")
    again.note_join("and back")
    world.note("state", classic_state(world, group)["type"])
    world.note("new self", new.ask()["error_code"])


SCENARIOS = [downgrade, upgrade, refusals, static_conversion]
