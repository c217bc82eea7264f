// @platformatic/kafka: a client that wants the newest versions of most APIs.
"use strict";

const { Admin, Consumer, Producer, ProduceAcks, stringDeserializers, stringSerializers } =
  require("@platformatic/kafka");
const { BROKER, check, codecsOf, expectEqual, finish, has, numbered, unique, waitFor } =
  require("./check.js");

const base = { clientId: "tidemill-clients", bootstrapBrokers: [BROKER], metadataMaxAge: 500 };
const admin = new Admin(base);

const create = (topic, partitions, configs = []) =>
  admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });

async function produce(topic, values, partition = 0, options = {}) {
  const producer = new Producer({ ...base, serializers: stringSerializers, ...options });
  await producer.send({ acks: ProduceAcks.ALL,
                        messages: values.map((value) => ({ topic, partition, value })) });
  await producer.close();
}

async function member(topic, groupId, options = {}, streamOptions = {}) {
  const consumer = new Consumer({ ...base, groupId, deserializers: stringDeserializers,
                                  maxWaitTime: 200, autocommit: false, ...options });
  const stream = await consumer.consume({ topics: [topic], mode: "committed",
                                          fallbackMode: "earliest", ...streamOptions });
  const messages = [];
  stream.on("data", (message) => messages.push(message));
  return { consumer, messages, close: () => consumer.close(true),
           count: () => (consumer.assignments || []).reduce((sum, each) => sum + each.partitions.length, 0) };
}

async function readAll(topic, count, options) {
  const reader = await member(topic, unique("platformatic-alone"), options);
  await waitFor(() => reader.messages.length >= count,
                () => `${count} records; there are ${reader.messages.length}`);
  await reader.close();
  return reader.messages;
}

async function roundtrip(codec) {
  const topic = unique(`platformatic-${codec}`);
  await create(topic, 1);
  const values = numbered(codec, 1000);
  await produce(topic, values, 0, { compression: codec, idempotent: codec === "lz4" });
  const messages = await readAll(topic, 1000);
  expectEqual(messages.map((message) => message.value), values, "values");
  expectEqual(codecsOf(topic), codec, "codecs of the batches");
}

async function seekByTime() {
  const topic = unique("platformatic-time");
  await create(topic, 1);
  await produce(topic, numbered("early", 40));
  const middle = Date.now() + 2;
  await waitFor(() => Date.now() > middle, "the clock");
  await produce(topic, numbered("late", 40));
  const reader = new Consumer({ ...base, groupId: unique("platformatic-time") });
  const found = await reader.listOffsetsWithTimestamps({ topics: [topic], timestamp: BigInt(middle) });
  expectEqual(found.get(topic).get(0).offset, 40, "offset at the time");
  expectEqual((await reader.listOffsets({ topics: [topic] })).get(topic), [80], "end");
  await reader.close();
  const late = await member(topic, unique("platformatic-late"), {},
                            { mode: "manual", offsets: [{ topic, partition: 0, offset: 40n }] });
  await waitFor(() => late.messages.length === 40, "the late ones");
  expectEqual(late.messages[0].value, numbered("late", 1)[0], "the first from there");
  await late.close();
}

async function groupOfTwo(options) {
  const topic = unique("platformatic-group");
  const group = unique("platformatic-members");
  await create(topic, 4);
  const first = await member(topic, group, options);
  await waitFor(() => first.count() === 4, "everything for one");
  const second = await member(topic, group, options);
  await waitFor(() => first.count() === 2 && second.count() === 2,
                () => `two for each: ${first.count()} and ${second.count()}`);
  for (let partition = 0; partition < 4; partition++) {
    await produce(topic, numbered(`${partition}`, 10), partition);
  }
  const seen = () => new Set([...first.messages, ...second.messages].map((each) => each.value)).size;
  await waitFor(() => seen() === 40, () => `40 records; there are ${seen()}`);
  await first.close();
  await waitFor(() => second.count() === 4, "everything for the other");
  await second.close();
}

async function commitAndResume() {
  const topic = unique("platformatic-resume");
  const group = unique("platformatic-resumer");
  await create(topic, 1);
  await produce(topic, numbered("record", 20));
  const first = await member(topic, group);
  await waitFor(() => first.messages.length === 20, "all records");
  await first.consumer.commit({ offsets: [{ topic, partition: 0, offset: 7n, leaderEpoch: 0 }] });
  await first.close();
  const second = await member(topic, group);
  await waitFor(() => second.messages.length === 13, "the rest");
  expectEqual(second.messages[0].offset, 7, "first offset after the commit");
  await second.close();
}

async function administration() {
  const topic = unique("platformatic-admin");
  const group = unique("platformatic-listed");
  await create(topic, 2, [{ name: "retention.ms", value: "3600000" }]);
  await create(topic, 2).then(() => { throw new Error("a second topic was made"); }, (error) => {
    if (!JSON.stringify(error, Object.getOwnPropertyNames(error)).includes("TOPIC_ALREADY_EXISTS") &&
        !error.findBy?.("apiId", "TOPIC_ALREADY_EXISTS")) throw error;
  });
  await admin.createPartitions({ topics: [{ name: topic, count: 3, assignments: null }] });
  const topics = await admin.listTopics();
  expectEqual(topics.includes(topic), true, "the topic is listed");
  await admin.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName: topic, configs: [
    { name: "segment.bytes", configOperation: 0, value: "2097152" }] }] });
  await waitFor(async () => {
    const described = await admin.describeConfigs({ resources: [
      { resourceType: 2, resourceName: topic, configurationKeys: ["segment.bytes"] }] });
    return described[0].configs[0].value === "2097152";
  }, "the new configuration");
  await produce(topic, numbered("record", 10));
  const reader = await member(topic, group);
  await waitFor(() => reader.messages.length === 10, "the records");
  expectEqual((await admin.listGroups()).has(group), true, "the group is listed");
  expectEqual((await admin.describeGroups({ groups: [group] })).get(group).members.size, 1, "members");
  await reader.messages[9].commit();
  await reader.close();
  const offsets = await admin.listConsumerGroupOffsets({ groups: [group] });
  expectEqual(offsets[0].topics[0].partitions[0].committedOffset, 10, "offset of the group");
  await admin.deleteGroups({ groups: [group] });
  await admin.deleteTopics({ topics: [topic] });
  expectEqual((await admin.listTopics()).includes(topic), false, "the topic is still listed");
}

async function transactions() {
  const topic = unique("platformatic-txn");
  await create(topic, 1);
  const producer = new Producer({ ...base, serializers: stringSerializers, idempotent: true,
                                  transactionalId: unique("platformatic-id") });
  let transaction = await producer.beginTransaction();
  await transaction.send({ messages: [{ topic, partition: 0, value: "never" }] });
  await transaction.abort();
  transaction = await producer.beginTransaction();
  await transaction.send({ messages: [{ topic, partition: 0, value: "one" }] });
  await transaction.send({ messages: [{ topic, partition: 0, value: "two" }] });
  await transaction.commit();
  await producer.close();
  const committed = await readAll(topic, 2, { isolationLevel: 1 });
  expectEqual(committed.map((message) => message.value), ["one", "two"], "committed");
}

async function main() {
  for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
    await check(`platformatic codec ${codec}`, () => roundtrip(codec));
  }
  await check("platformatic seek by time", seekByTime);
  await check("platformatic group of two with a rebalance",
              () => groupOfTwo({ sessionTimeout: 6000, heartbeatInterval: 200 }));
  if (has("consumer-groups")) {
    await check("platformatic KIP-848 group of two", () => groupOfTwo({ groupProtocol: "consumer" }));
  }
  await check("platformatic commit and resume", commitAndResume);
  await check("platformatic admin", administration);
  if (has("transactions")) await check("platformatic transactions", transactions);
  finish();
}

main();
