// kafkajs 2.2.4 from npm. It brings gzip alone; the other codecs are handed to it as pure
// JavaScript or WebAssembly, so that installing compiles nothing. (lz4 asks for its JavaScript part
// only in browsers; here it gets it in place of the compiled one. lz4js will not do: it writes
// dependent blocks, which Kafka refuses.)
"use strict";

const { execFileSync } = require("child_process");
const { randomUUID } = require("crypto");
const path = require("path");
const { setTimeout: pause } = require("timers/promises");
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } =
  require("kafkajs");
const snappy = require("snappyjs");
const compiledPart = require.resolve("lz4/lib/utils.js");
require.cache[compiledPart] = { id: compiledPart, filename: compiledPart, loaded: true,
                                exports: require("lz4/lib/utils-js.js") };
const lz4 = require("lz4");
const zstd = require("@bokuweb/zstd-wasm");

const BROKER = process.env.BROKER;
const PATIENCE_MS = 1000 * Number(process.env.PATIENCE || 40);

CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: async (encoder) => Buffer.from(snappy.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(snappy.uncompress(buffer)),
});
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => lz4.encode(encoder.buffer),
  decompress: async (buffer) => lz4.decode(buffer),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
});

const kafka = new Kafka({
  clientId: "tidemill-clients",
  brokers: [BROKER],
  logLevel: logLevel.NOTHING,
  retry: { retries: 8, initialRetryTime: 100 },
});

let failed = 0;

async function check(name, action) {
  try {
    await action();
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${name}: ${String(error.message || error).replace(/\n/g, " | ")}`);
    if (!error.isExpectation) console.log(error.stack.replace(/^/gm, "    "));
  }
}

function fail(why) {
  throw Object.assign(new Error(why), { isExpectation: true });
}

function expectEqual(seen, wanted, what) {
  const [left, right] = [JSON.stringify(seen), JSON.stringify(wanted)];
  if (left !== right) {
    fail(`${what}: expected ${right?.slice(0, 300)}, saw ${left?.slice(0, 300)}`);
  }
}

async function waitFor(condition, what) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > deadline) fail(`waited ${PATIENCE_MS} ms for ${what}`);
    await pause(20);
  }
}

const unique = (name) => `${name}-${randomUUID().slice(0, 8)}`;
const numbers = (count) => [...Array(count).keys()];
const sorted = (values) => [...values].sort();

async function withAdmin(action) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await action(admin);
  } finally {
    await admin.disconnect();
  }
}

const create = (topic, numPartitions, configEntries = []) =>
  withAdmin((admin) => admin.createTopics({
    topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }],
  }));

async function produce(topic, messages, options = {}, producerOptions = {}) {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...producerOptions });
  await producer.connect();
  try {
    return await producer.send({ topic, messages, acks: -1, ...options });
  } finally {
    await producer.disconnect();
  }
}

// A member of a group that keeps what it reads and what it is assigned.
class Member {
  constructor(groupId) {
    this.records = [];
    this.assigned = [];
    this.consumer = kafka.consumer({
      groupId, sessionTimeout: 10000, heartbeatInterval: 300, metadataMaxAge: 1000,
      rebalanceTimeout: 10000, maxWaitTimeInMs: 200,
    });
    this.consumer.on(this.consumer.events.GROUP_JOIN, ({ payload }) => {
      this.assigned = Object.values(payload.memberAssignment).flat();
    });
  }

  async start(topic, options = {}) {
    await this.consumer.connect();
    await this.consumer.subscribe({ topics: [topic], fromBeginning: true });
    await this.consumer.run({
      eachMessage: async ({ partition, message }) => {
        this.records.push({ partition, message });
      },
      ...options,
    });
    return this;
  }

  values() {
    return this.records.map(({ message }) => message.value?.toString() ?? null);
  }

  stop() {
    return this.consumer.disconnect();
  }
}

async function readAll(topic, count) {
  const member = await new Member(unique("kafkajs-reader")).start(topic);
  try {
    await waitFor(() => member.records.length >= count, `${count} records`);
    return member.records.map(({ message }) => message);
  } finally {
    await member.stop();
  }
}

async function roundtrip(name, compression) {
  const topic = unique(`kafkajs-${name}`);
  await create(topic, 1);
  const values = numbers(500).map((number) => `${name} ${number} ${"the same again ".repeat(8)}`);
  await produce(topic, values.map((value) => ({ value })), { compression });
  const seen = await readAll(topic, values.length);
  expectEqual(seen.map((message) => message.value.toString()), values, "values");
  expectEqual(seen.map((message) => message.offset), numbers(500).map(String), "offsets");
  const codecs = execFileSync("/usr/bin/python3", [path.join(__dirname, "../batches.py"), BROKER,
                                                   topic]);
  expectEqual(codecs.toString().trim(), name, "codecs of the batches");
}

async function keysAndHeaders() {
  const topic = unique("kafkajs-keys");
  await create(topic, 1);
  await produce(topic, [
    { key: "key", value: "value", timestamp: "1700000000123",
      headers: { color: "green", bytes: Buffer.from([0, 255]) } },
    { key: "gone", value: null },
    { key: null, value: "" },
  ]);
  const [first, tombstone, empty] = await readAll(topic, 3);
  expectEqual([first.key.toString(), first.value.toString(), first.timestamp],
              ["key", "value", "1700000000123"], "record");
  expectEqual([first.headers.color.toString(), [...first.headers.bytes]],
              ["green", [0, 255]], "headers");
  expectEqual([tombstone.key.toString(), tombstone.value], ["gone", null], "no value");
  expectEqual([empty.key, empty.value.length], [null, 0], "no key, empty value");
}

async function idempotent() {
  const topic = unique("kafkajs-idempotent");
  await create(topic, 1);
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const round of numbers(20)) {
    await producer.send({ topic, messages: numbers(10).map((i) => ({ value: `${round}.${i}` })) });
  }
  await producer.disconnect();
  const values = (await readAll(topic, 200)).map((message) => message.value.toString());
  expectEqual(values, numbers(200).map((i) => `${Math.floor(i / 10)}.${i % 10}`), "values");
}

// kafkajs is from before transactions v2: it adds partitions and offsets itself.
async function transactions() {
  const [topic, group] = [unique("kafkajs-transactions"), unique("kafkajs-readers")];
  await create(topic, 1);
  const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1,
                                    idempotent: true });
  await producer.connect();
  for (const [word, isCommitted] of [["a", true], ["b", false], ["c", true]]) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: numbers(5).map((i) => ({ value: `${word}${i}` })) });
    await transaction.sendOffsets({ consumerGroupId: group, topics: [
      { topic, partitions: [{ partition: 0, offset: word === "b" ? "99" : "7" }] }] });
    await (isCommitted ? transaction.commit() : transaction.abort());
  }
  await producer.disconnect();
  const values = (await readAll(topic, 10)).map((message) => message.value.toString());
  expectEqual(values, ["a", "c"].flatMap((word) => numbers(5).map((i) => word + i)), "values");
  await withAdmin(async (admin) => {
    const [row] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    expectEqual(row.partitions.map((part) => part.offset), ["7"], "the group's offset");
  });
}

async function produceEverywhere(topic, name) {
  const messages = numbers(40).map((i) => ({ value: `${name} ${i}`, partition: i % 4 }));
  await produce(topic, messages);
  return messages.map((message) => message.value);
}

async function groupOfTwo() {
  const [topic, group] = [unique("kafkajs-group"), unique("kafkajs-members")];
  const has = (members, values) => {
    const seen = new Set(members.flatMap((member) => member.values()));
    return values.every((value) => seen.has(value));
  };
  await create(topic, 4);
  const members = [await new Member(group).start(topic)];
  try {
    await waitFor(() => members[0].assigned.length === 4, "all partitions for the only member");
    const alone = await produceEverywhere(topic, "alone");
    await waitFor(() => has([members[0]], alone), "the records of all partitions");
    members.push(await new Member(group).start(topic));
    await waitFor(() => members.every((member) => member.assigned.length === 2), "two each");
    expectEqual(sorted(members.flatMap((member) => member.assigned)), [0, 1, 2, 3], "partitions");
    const together = await produceEverywhere(topic, "together");
    await waitFor(() => has(members, together), "the next records");
    await members[0].stop();
    await waitFor(() => members[1].assigned.length === 4, "all partitions for the one that stays");
    const last = await produceEverywhere(topic, "again");
    await waitFor(() => has([members[1]], last), "the last records");
    const everything = sorted([...alone, ...together, ...last]);
    expectEqual(sorted(members.flatMap((member) => member.values())), everything, "once");
  } finally {
    await Promise.all(members.map((member) => member.stop()));
  }
}

async function commitAndResume() {
  const [topic, groupId] = [unique("kafkajs-resume"), unique("kafkajs-resumer")];
  await create(topic, 1);
  await produce(topic, numbers(20).map((number) => ({ value: String(number) })));
  const first = await new Member(groupId).start(topic, { autoCommit: false });
  await waitFor(() => first.records.length === 20, "20 records");
  await first.consumer.commitOffsets([{ topic, partition: 0, offset: "7", metadata: "half" }]);
  await first.stop();
  const offsets = await withAdmin((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
  expectEqual(offsets[0].partitions, [{ partition: 0, offset: "7", metadata: "half" }], "commit");
  const second = await new Member(groupId).start(topic);
  await waitFor(() => second.records.length >= 13, "the rest");
  await second.stop();
  expectEqual(second.values(), numbers(20).slice(7).map(String), "values after the commit");
}

async function seekByTime() {
  const topic = unique("kafkajs-time");
  await create(topic, 1);
  const at = (second) => String(1700000000000 + 1000 * second);
  await produce(topic, numbers(60).map((i) => ({ value: String(i), timestamp: at(i) })),
                { compression: CompressionTypes.GZIP });
  const offsets = (timestamp) =>
    withAdmin((admin) => admin.fetchTopicOffsetsByTimestamp(topic, timestamp));
  expectEqual(await offsets(Number(at(25)) - 1), [{ partition: 0, offset: "25" }], "between");
  expectEqual(await offsets(Number(at(59))), [{ partition: 0, offset: "59" }], "the last");
  expectEqual(await offsets(Number(at(3600))), [{ partition: 0, offset: "60" }], "past the end");
  const member = new Member(unique("kafkajs-seeker"));
  await member.start(topic);
  await waitFor(() => member.records.length === 60, "60 records");
  member.records = [];
  member.consumer.seek({ topic, partition: 0, offset: "25" });
  await waitFor(() => member.records.length >= 35, "the records from there");
  await member.stop();
  expectEqual(member.values(), numbers(60).slice(25).map(String), "values from there");
}

async function adminTopics() {
  const topic = unique("kafkajs-admin");
  await withAdmin(async (admin) => {
    const topics = [{ topic, numPartitions: 2, replicationFactor: 1 }];
    expectEqual(await admin.createTopics({ topics }), true, "created");
    expectEqual(await admin.createTopics({ topics }), false, "created again");
    const { topics: [row] } = await admin.fetchTopicMetadata({ topics: [topic] });
    expectEqual(sorted(row.partitions.map((part) => part.partitionId)), [0, 1], "partitions");
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    await waitFor(async () => (await admin.fetchTopicMetadata({ topics: [topic] }))
      .topics[0].partitions.length === 3, "3 partitions");
    const cluster = await admin.describeCluster();
    expectEqual(cluster.brokers.some((broker) => broker.nodeId === cluster.controller), true,
                "the controller is a broker");
    await admin.deleteTopics({ topics: [topic] });
    await waitFor(async () => !(await admin.listTopics()).includes(topic), "the topic to be gone");
  });
}

async function adminConfigs() {
  const topic = unique("kafkajs-configs");
  await create(topic, 1, [{ name: "retention.ms", value: "3600000" }]);
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
  await withAdmin(async (admin) => {
    const values = async () => {
      const answer = await admin.describeConfigs({ resources: [resource] });
      return Object.fromEntries(answer.resources[0].configEntries
        .map((entry) => [entry.configName, entry.configValue]));
    };
    const before = await values();
    expectEqual([before["retention.ms"], before["cleanup.policy"]], ["3600000", "delete"],
                "described");
    const configEntries = [{ name: "segment.bytes", value: "2097152" }];
    await admin.alterConfigs({ resources: [{ ...resource, configEntries }] });
    await waitFor(async () => (await values())["segment.bytes"] === "2097152", "the new value");
  });
}

async function adminGroups() {
  const [topic, groupId] = [unique("kafkajs-groups"), unique("kafkajs-listed")];
  await create(topic, 2);
  const member = await new Member(groupId).start(topic);
  await withAdmin(async (admin) => {
    const describe = async () => (await admin.describeGroups([groupId])).groups[0];
    const group = await waitFor(async () => {
      const row = await describe();
      return row.state === "Stable" && row;
    }, "a stable group");
    expectEqual([group.members.length, group.protocol], [1, "RoundRobinAssigner"], "the group");
    const { groups } = await admin.listGroups();
    expectEqual(groups.filter((row) => row.groupId === groupId),
                [{ groupId, protocolType: "consumer" }], "listed");
    await member.stop();
    await waitFor(async () => (await describe()).state === "Empty", "an empty group");
    const [answer] = await admin.deleteGroups([groupId]);
    expectEqual([answer.groupId, answer.errorCode], [groupId, 0], "deleted");
    expectEqual((await describe()).state, "Dead", "state of a group that is gone");
  });
}

async function main() {
  await zstd.init();
  for (const [name, codec] of [["none", CompressionTypes.None], ["gzip", CompressionTypes.GZIP],
                               ["snappy", CompressionTypes.Snappy], ["lz4", CompressionTypes.LZ4],
                               ["zstd", CompressionTypes.ZSTD]]) {
    await check(`kafkajs codec ${name}`, () => roundtrip(name, codec));
  }
  await check("kafkajs keys and headers", keysAndHeaders);
  await check("kafkajs idempotent producer", idempotent);
  await check("kafkajs group of two with a rebalance", groupOfTwo);
  await check("kafkajs commit and resume", commitAndResume);
  await check("kafkajs seek by time", seekByTime);
  await check("kafkajs transactions", transactions);
  await check("kafkajs admin topics", adminTopics);
  await check("kafkajs admin configs", adminConfigs);
  await check("kafkajs admin groups", adminGroups);
  process.exit(failed ? 1 : 0);
}

main();
