// kafka-ts: a client that asks each API in the newest version that both have.
"use strict";

const { API, createKafkaClient, setLogger } = require("kafka-ts");
const { BROKER, check, expectEqual, finish, has, numbered, unique, waitFor } = require("./check.js");

const silent = () => {};
setLogger({ debug: silent, info: silent, warn: silent, error: silent, setLevel: silent });
const [host, port] = [BROKER.slice(0, BROKER.lastIndexOf(":")), Number(BROKER.split(":").pop())];
const kafka = createKafkaClient({ clientId: "tidemill-clients", bootstrapServers: [{ host, port }] });

async function raw(api, request) {
  const cluster = kafka.createCluster();
  await cluster.connect();
  try {
    return await cluster.sendRequest(api, request);
  } finally {
    await cluster.disconnect();
  }
}

const create = (name, numPartitions, configs = []) => raw(API.CREATE_TOPICS, {
  validateOnly: false, timeoutMs: 10000,
  topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }],
});

async function produce(topic, values, partition = 0) {
  const producer = kafka.createProducer({});
  await producer.send(values.map((value) => ({ topic, partition, value })));
  await producer.close();
}

async function member(topic, groupId, options = {}) {
  const messages = [];
  const consumer = await kafka.startConsumer({
    groupId, topics: [topic], maxWaitMs: 200, fromTimestamp: -2n, ...options,
    onBatch: (batch) => { messages.push(...batch); },
  });
  return { consumer, messages, close: () => consumer.close() };
}

async function roundtrip() {
  const topic = unique("kafka-ts");
  await create(topic, 1);
  const values = numbered("plain", 1000);
  await produce(topic, values);
  const reader = await member(topic, null);
  await waitFor(() => reader.messages.length === 1000, () => `1000: ${reader.messages.length}`);
  expectEqual(reader.messages.map((message) => message.value), values, "values");
  await reader.close();
}

async function seekByTime() {
  const topic = unique("kafka-ts-time");
  await create(topic, 1);
  await produce(topic, numbered("early", 40));
  const middle = Date.now() + 2;
  await waitFor(() => Date.now() > middle, "the clock");
  await produce(topic, numbered("late", 40));
  const reader = await member(topic, null, { fromTimestamp: BigInt(middle) });
  await waitFor(() => reader.messages.length === 40, () => `40: ${reader.messages.length}`);
  expectEqual(reader.messages[0].offset, 40, "the first from there");
  await reader.close();
}

async function groupOfTwo(options) {
  const topic = unique("kafka-ts-group");
  const group = unique("kafka-ts-members");
  await create(topic, 4);
  const everywhere = async (prefix) => {
    for (let partition = 0; partition < 4; partition++) {
      await produce(topic, numbered(`${prefix} ${partition}`, 5), partition);
    }
  };
  const parts = (reader, prefix) => new Set(reader.messages.filter(
    (message) => message.value.startsWith(prefix)).map((message) => message.partition)).size;
  const first = await member(topic, group, options);
  await everywhere("alone");
  await waitFor(() => parts(first, "alone") === 4, "everything for one");
  const second = await member(topic, group, options);
  let round = 0;
  await waitFor(async () => {
    const prefix = `both${round++}-`;
    await everywhere(prefix);
    await waitFor(() => parts(first, prefix) + parts(second, prefix) >= 4, "the records");
    return parts(first, prefix) === 2 && parts(second, prefix) === 2;
  }, "two for each");
  await first.close();
  await everywhere("other");
  await waitFor(() => parts(second, "other") === 4, "everything for the other");
  await second.close();
}

async function commitAndResume() {
  const topic = unique("kafka-ts-resume");
  const group = unique("kafka-ts-resumer");
  await create(topic, 1);
  await produce(topic, numbered("first", 20));
  const first = await member(topic, group);
  await waitFor(() => first.messages.length === 20, "all records");
  await first.close(); // commits
  await produce(topic, numbered("second", 5));
  const second = await member(topic, group);
  await waitFor(() => second.messages.length === 5, () => `the rest: ${second.messages.length}`);
  expectEqual(second.messages[0].offset, 20, "first offset after the commit");
  await second.close();
}

async function administration() {
  const topic = unique("kafka-ts-admin");
  const group = unique("kafka-ts-listed");
  await create(topic, 2, [{ name: "retention.ms", value: "3600000" }]);
  const described = await raw(API.DESCRIBE_CONFIGS, {
    includeSynonyms: false, includeDocumentation: false,
    resources: [{ resourceType: 2, resourceName: topic, configurationKeys: ["retention.ms"] }],
  });
  expectEqual(described.results[0].configs[0].value, "3600000", "configuration");
  await produce(topic, numbered("record", 10));
  const reader = await member(topic, group);
  await waitFor(() => reader.messages.length === 10, "the records");
  const groups = await raw(API.LIST_GROUPS, { statesFilter: [], typesFilter: [] });
  expectEqual(groups.groups.some((each) => each.groupId === group), true, "the group is listed");
  await reader.close();
  await raw(API.DELETE_GROUPS, { groupsNames: [group] });
  await raw(API.DELETE_TOPICS, { topics: [{ name: topic, topicId: null }], timeoutMs: 10000 });
  await raw(API.DESCRIBE_CLUSTER, { includeClusterAuthorizedOperations: false, endpointType: 1,
                                    includeFencedBrokers: false });
}

async function main() {
  await check("kafka-ts idempotent produce and read", roundtrip);
  await check("kafka-ts seek by time", seekByTime);
  await check("kafka-ts group of two with a rebalance", () => groupOfTwo({ sessionTimeoutMs: 6000 }));
  if (has("consumer-groups")) {
    await check("kafka-ts KIP-848 group of two", () => groupOfTwo({ groupProtocol: "consumer" }));
  }
  await check("kafka-ts commit and resume", commitAndResume);
  await check("kafka-ts admin", administration);
  finish();
}

main();
