"""Kafka's command tools, as an operator uses them in a day."""

import os
import re
import sys
import tempfile

import jvm
from checks import Checks, expect, expect_equal, unique

FEATURES = os.environ.get("FEATURES", "").split()
TOOLS = "org.apache.kafka.tools."
AT = ("--bootstrap-server", jvm.BROKER)


def tool(name, *arguments, given=""):
    main = name if name.startswith("kafka.") else TOOLS + name
    return jvm.run(main, *AT, *arguments, given=given)


def expect_in(text, part):
    expect(part in text, f"no {part!r} in {text[-500:]!r}")


def topics():
    topic = unique("tools")
    tool("TopicCommand", "--create", "--topic", topic, "--partitions", "2", "--replication-factor", "1",
         "--config", "retention.ms=3600000")
    expect_in(tool("TopicCommand", "--list"), topic)
    described = tool("TopicCommand", "--describe", "--topic", topic)
    expect(re.search(r"PartitionCount: 2\s+ReplicationFactor: 1\s+Configs: .*retention.ms=3600000",
                     described), described)
    tool("TopicCommand", "--alter", "--topic", topic, "--partitions", "3")
    expect_in(tool("TopicCommand", "--describe", "--topic", topic), "Partition: 2\tLeader: 1")
    tool("TopicCommand", "--delete", "--topic", topic)
    expect(topic not in tool("TopicCommand", "--list"), "the topic is still listed")


def console():
    topic, group = unique("tools-console"), unique("tools-console-group")
    tool("TopicCommand", "--create", "--topic", topic)
    tool("ConsoleProducer", "--topic", topic, "--property", "parse.key=true", "--property",
         "key.separator=:", given="a:one\nb:two\nc:three\n")
    read = jvm.run("org.apache.kafka.tools.consumer.ConsoleConsumer", *AT, "--topic", topic,
                   "--from-beginning", "--max-messages", "3", "--property", "print.key=true",
                   "--property", "print.offset=true", "--property", "print.timestamp=true",
                   "--group", group)
    expect(sorted(re.findall(r"([abc])\t(one|two|three)$", read, re.MULTILINE)) ==
           [("a", "one"), ("b", "two"), ("c", "three")], read)
    offsets = tool("GetOffsetShell", "--topic", topic)
    expect_equal(sum(int(line.rsplit(":", 1)[1]) for line in offsets.split() if topic in line), 3,
                 "records by GetOffsetShell")
    command = "consumer.group.ConsumerGroupCommand"
    expect_in(tool(command, "--list"), group)
    expect_in(tool(command, "--describe", "--group", group), topic)
    expect_in(tool(command, "--describe", "--group", group, "--state"), "Empty")
    tool(command, "--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute")
    rows = [line.split() for line in tool(command, "--describe", "--group", group).splitlines()
            if topic in line]
    expect_equal({row[3] for row in rows}, {"0"}, "current offsets after the reset")
    expect_in(tool("GroupsCommand", "--list"), group)
    tool(command, "--delete-offsets", "--group", group, "--topic", topic)
    tool(command, "--delete", "--group", group)
    expect(group not in tool(command, "--list"), "the group is still listed")


def configs():
    topic = unique("tools-configs")
    tool("TopicCommand", "--create", "--topic", topic)
    alter = ("--entity-type", "topics", "--entity-name", topic)
    tool("kafka.admin.ConfigCommand", *alter, "--alter", "--add-config",
         "segment.bytes=2097152,cleanup.policy=[compact,delete]")
    described = tool("kafka.admin.ConfigCommand", *alter, "--describe")
    expect_in(described, "segment.bytes=2097152")
    expect_in(described, "cleanup.policy=compact,delete")
    tool("kafka.admin.ConfigCommand", *alter, "--alter", "--delete-config", "segment.bytes")
    expect("segment.bytes" not in tool("kafka.admin.ConfigCommand", *alter, "--describe"), "deleted")
    expect_in(tool("kafka.admin.ConfigCommand", *alter, "--describe", "--all"), "max.message.bytes=1048588")
    broker = ("--entity-type", "brokers", "--entity-name", "1")
    tool("kafka.admin.ConfigCommand", *broker, "--alter", "--add-config", "log.retention.ms=7200000")
    expect_in(tool("kafka.admin.ConfigCommand", *broker, "--describe"), "log.retention.ms=7200000")
    tool("kafka.admin.ConfigCommand", *broker, "--alter", "--delete-config", "log.retention.ms")


def records():
    topic = unique("tools-records")
    tool("TopicCommand", "--create", "--topic", topic, "--partitions", "1", "--replication-factor", "1")
    told = jvm.run(TOOLS + "ProducerPerformance", "--topic", topic, "--num-records", "10000",
                   "--record-size", "100", "--throughput", "-1", "--producer-props",
                   "bootstrap.servers=" + jvm.BROKER, "acks=all")
    expect_in(told, "10000 records sent")
    told = tool("ConsumerPerformance", "--topic", topic, "--messages", "10000")
    expect_in(told, "10000")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write('{"partitions":[{"topic":"%s","partition":0,"offset":4000}],"version":1}' % topic)
        file.flush()
        expect_in(tool("DeleteRecordsCommand", "--offset-json-file", file.name), "low_watermark: 4000")
    expect_in(tool("GetOffsetShell", "--topic", topic, "--time", "-2"), f"{topic}:0:4000")


def cluster():
    expect_in(jvm.run(TOOLS + "ClusterTool", "cluster-id", *AT), "Cluster ID")
    expect_in(tool("BrokerApiVersionsCommand"), "Produce(0): 0 to ")
    if "log-dirs" in FEATURES:
        expect_in(tool("LogDirsCommand", "--describe"), '"logDirs"')
        expect_in(tool("MetadataQuorumCommand", "describe", "--status"), "LeaderId")
        expect_in(tool("FeatureCommand", "describe"), "Feature:")
        expect_in(tool("LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions"),
                  "")
        expect_in(tool("reassign.ReassignPartitionsCommand", "--list"), "reassignment")


def transactions():
    topic = unique("tools-txn")
    tool("TopicCommand", "--create", "--topic", topic, "--partitions", "1")
    identity = unique("tools-id")
    jvm.run(TOOLS + "ProducerPerformance", "--topic", topic, "--num-records", "1000", "--record-size",
            "100", "--throughput", "-1", "--transactional-id", identity, "--transaction-duration-ms", "100",
            "--producer-props", "bootstrap.servers=" + jvm.BROKER)
    expect_in(tool("TransactionsCommand", "list"), identity)
    expect_in(tool("TransactionsCommand", "describe", "--transactional-id", identity), "CompleteCommit")
    expect_in(tool("TransactionsCommand", "describe-producers", "--topic", topic, "--partition", "0"),
              "ProducerId")
    tool("TransactionsCommand", "find-hanging", "--broker-id", "1")


def main():
    checks = Checks()
    for name, function in (("topics", topics), ("console and groups", console), ("configs", configs),
                           ("records and performance", records), ("cluster", cluster)):
        checks.run(f"tools {name}", function)
    if "transactions" in FEATURES:
        checks.run("tools transactions", transactions)
    return checks.finish()


sys.exit(main())
