//! The rdkafka crate: librdkafka under a Rust face.

use std::collections::HashSet;
use std::env;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic,
                     ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

fn patience() -> Duration {
    Duration::from_secs_f64(env::var("PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(40.0))
}

fn has(feature: &str) -> bool {
    env::var("FEATURES").unwrap_or_default().split(' ').any(|each| each == feature)
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience(), "waited {:?} for {what}", patience());
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn unique(name: &str) -> String {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("{name}-{:x}", nanoseconds & 0xffff_ffff_ffff)
}

fn config(pairs: &[(&str, &str)]) -> ClientConfig {
    let mut made = ClientConfig::new();
    made.set("bootstrap.servers", env::var("BROKER").expect("BROKER"));
    for (name, value) in pairs {
        made.set(*name, *value);
    }
    made
}

fn admin() -> AdminClient<DefaultClientContext> {
    config(&[]).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)))
}

fn create(topic: &str, partitions: i32) {
    let wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(1)).set("retention.ms", "3600000");
    for row in block_on(admin().create_topics(&[wanted], &options())).unwrap() {
        row.expect("create");
    }
}

fn send(producer: &BaseProducer, topic: &str, partition: i32, values: &[String]) {
    for value in values {
        producer.send(BaseRecord::<(), String>::to(topic).partition(partition).payload(value))
            .map_err(|(error, _)| error).unwrap();
    }
    producer.flush(patience()).unwrap();
}

fn produce(topic: &str, partition: i32, values: &[String], pairs: &[(&str, &str)]) {
    send(&config(pairs).create().unwrap(), topic, partition, values);
}

fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix} {i} the same again the same again")).collect()
}

fn consumer(group: &str, pairs: &[(&str, &str)]) -> BaseConsumer {
    let mut made = config(&[("group.id", group), ("auto.offset.reset", "earliest"),
                            ("enable.auto.commit", "false"), ("session.timeout.ms", "6000"),
                            ("heartbeat.interval.ms", "200")]);
    for (name, value) in pairs {
        made.set(*name, *value);
    }
    made.create().unwrap()
}

fn take(client: &BaseConsumer, count: usize) -> Vec<(i64, String)> {
    let mut records = Vec::new();
    until(&format!("{count} records"), || {
        if let Some(message) = client.poll(Duration::from_millis(100)) {
            let message = message.unwrap();
            let value = String::from_utf8(message.payload().unwrap().to_vec()).unwrap();
            records.push((message.offset(), value));
        }
        records.len() >= count
    });
    records
}

fn read_from(topic: &str, offset: Offset, count: usize, pairs: &[(&str, &str)]) -> Vec<(i64, String)> {
    let client = consumer(&unique("rust-alone"), pairs);
    let mut places = TopicPartitionList::new();
    places.add_partition_offset(topic, 0, offset).unwrap();
    client.assign(&places).unwrap();
    take(&client, count)
}

fn roundtrip(codec: &str) {
    let topic = unique(&format!("rust-{codec}"));
    create(&topic, 1);
    let values = numbered(codec, 1000);
    produce(&topic, 0, &values, &[("compression.type", codec), ("enable.idempotence", "true")]);
    let seen: Vec<String> = read_from(&topic, Offset::Beginning, 1000, &[]).into_iter()
        .map(|(_, value)| value).collect();
    assert!(seen == values, "other values came back");
}

fn seek_by_time() {
    let topic = unique("rust-time");
    create(&topic, 1);
    produce(&topic, 0, &numbered("early", 40), &[]);
    let middle = now_ms() + 2;
    until("the clock", || now_ms() > middle);
    produce(&topic, 0, &numbered("late", 40), &[]);
    let client = consumer(&unique("rust-time"), &[]);
    let mut places = TopicPartitionList::new();
    places.add_partition_offset(&topic, 0, Offset::Offset(middle)).unwrap();
    let found = client.offsets_for_times(places, patience()).unwrap();
    assert_eq!(found.elements()[0].offset(), Offset::Offset(40));
    let late = read_from(&topic, Offset::Offset(40), 40, &[]);
    assert_eq!(late[0].1, numbered("late", 1)[0]);
}

fn group_of_two(pairs: &[(&str, &str)]) {
    let (topic, group) = (unique("rust-group"), unique("rust-members"));
    create(&topic, 4);
    let first = consumer(&group, pairs);
    first.subscribe(&[&topic]).unwrap();
    let mut seen = HashSet::new();
    let mut poll = |client: &BaseConsumer| {
        if let Some(Ok(message)) = client.poll(Duration::from_millis(20)) {
            seen.insert((message.partition(), message.offset()));
        }
        (client.assignment().unwrap().count(), seen.len())
    };
    until("everything for one", || poll(&first).0 == 4);
    let second = consumer(&group, pairs);
    second.subscribe(&[&topic]).unwrap();
    until("two for each", || poll(&first).0 == 2 && poll(&second).0 == 2);
    for partition in 0..4 {
        produce(&topic, partition, &numbered("record", 10), &[]);
    }
    until("the records", || poll(&first).1.max(poll(&second).1) == 40);
    first.unsubscribe();
    drop(first);
    until("everything for the other", || poll(&second).0 == 4);
}

fn commit_and_resume() {
    let (topic, group) = (unique("rust-resume"), unique("rust-resumer"));
    create(&topic, 1);
    produce(&topic, 0, &numbered("record", 20), &[]);
    let client = consumer(&group, &[]);
    client.subscribe(&[&topic]).unwrap();
    take(&client, 20);
    let mut places = TopicPartitionList::new();
    places.add_partition_offset(&topic, 0, Offset::Offset(7)).unwrap();
    client.commit(&places, CommitMode::Sync).unwrap();
    drop(client);
    let client = consumer(&group, &[]);
    client.subscribe(&[&topic]).unwrap();
    assert_eq!(take(&client, 13)[0].0, 7, "first offset after the commit");
}

fn administration() {
    let (topic, group) = (unique("rust-admin"), unique("rust-listed"));
    create(&topic, 2);
    let client = admin();
    block_on(client.create_partitions(&[NewPartitions::new(&topic, 3)], &options())).unwrap();
    let change = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("segment.bytes", "2097152");
    block_on(client.alter_configs(&[change], &options())).unwrap();
    until("the new configuration", || {
        let rows = block_on(client.describe_configs(&[ResourceSpecifier::Topic(&topic)], &options())).unwrap();
        rows[0].as_ref().unwrap().get("segment.bytes").unwrap().value.as_deref() == Some("2097152")
    });
    produce(&topic, 0, &numbered("record", 10), &[]);
    let reader = consumer(&group, &[]);
    reader.subscribe(&[&topic]).unwrap();
    take(&reader, 10);
    reader.commit_consumer_state(CommitMode::Sync).unwrap();
    let groups = reader.fetch_group_list(Some(&group), patience()).unwrap();
    assert_eq!(groups.groups()[0].state(), "Stable");
    drop(reader);
    until("the group to be deleted", || {
        block_on(client.delete_groups(&[&group], &options())).unwrap()[0].is_ok()
    });
    block_on(client.delete_topics(&[&topic], &options())).unwrap()[0].as_ref().unwrap();
}

fn transactions() {
    let (source, target) = (unique("rust-in"), unique("rust-out"));
    let group = unique("rust-txn");
    create(&source, 1);
    create(&target, 1);
    produce(&source, 0, &numbered("record", 10), &[]);
    let producer: BaseProducer = config(&[("transactional.id", &unique("rust-id"))]).create().unwrap();
    producer.init_transactions(patience()).unwrap();
    producer.begin_transaction().unwrap();
    send(&producer, &target, 0, &["never".to_string()]);
    producer.abort_transaction(patience()).unwrap();
    let reader = consumer(&group, &[]);
    reader.subscribe(&[&source]).unwrap();
    producer.begin_transaction().unwrap();
    for (_, value) in take(&reader, 10) {
        send(&producer, &target, 0, &[value]);
    }
    producer.send_offsets_to_transaction(&reader.position().unwrap(),
                                         &reader.group_metadata().unwrap(), patience()).unwrap();
    producer.commit_transaction(patience()).unwrap();
    let committed = read_from(&target, Offset::Beginning, 10, &[("isolation.level", "read_committed")]);
    assert_eq!(committed[0].1, numbered("record", 1)[0], "first committed");
    let mut places = TopicPartitionList::new();
    places.add_partition(&source, 0);
    let found = reader.committed_offsets(places, patience()).unwrap();
    assert_eq!(found.elements()[0].offset(), Offset::Offset(10), "offset of the transaction");
}

fn check(name: &str, failed: &mut bool, action: impl FnOnce()) {
    match catch_unwind(AssertUnwindSafe(action)) {
        Ok(()) => println!("ok rust {name}"),
        Err(reason) => {
            let text = reason.downcast_ref::<String>().cloned()
                .or_else(|| reason.downcast_ref::<&str>().map(|text| text.to_string()));
            println!("not ok rust {name}: {}", text.unwrap_or_default().replace('\n', " | "));
            *failed = true;
        }
    }
}

fn main() {
    let mut failed = false;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        check(&format!("codec {codec}"), &mut failed, || roundtrip(codec));
    }
    check("seek by time", &mut failed, seek_by_time);
    check("group of two with a rebalance", &mut failed, || group_of_two(&[]));
    check("group of two, cooperative", &mut failed,
          || group_of_two(&[("partition.assignment.strategy", "cooperative-sticky")]));
    check("commit and resume", &mut failed, commit_and_resume);
    check("admin", &mut failed, administration);
    if has("transactions") {
        check("transactions", &mut failed, transactions);
    }
    std::process::exit(failed as i32);
}
