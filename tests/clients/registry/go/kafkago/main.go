// segmentio/kafka-go: a Go client that speaks old versions of the group protocol.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"tidemill.test/clients/check"
)

var ctx = context.Background()

func client() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(check.Broker), Timeout: check.Patience()}
}

func create(topic string, partitions int, entries ...kafka.ConfigEntry) error {
	answer, err := client().CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: entries}}})
	if err == nil {
		err = answer.Errors[topic]
	}
	return err
}

func produce(topic string, partition int, values []string, codec kafka.Compression) {
	writer := &kafka.Writer{Addr: kafka.TCP(check.Broker), Topic: topic, Compression: codec,
		RequiredAcks: kafka.RequireAll, BatchTimeout: 10 * time.Millisecond, BatchSize: 500,
		Balancer: kafka.BalancerFunc(func(kafka.Message, ...int) int { return partition })}
	defer writer.Close()
	var messages []kafka.Message
	for _, value := range values {
		messages = append(messages, kafka.Message{Value: []byte(value)})
	}
	check.Try(writer.WriteMessages(ctx, messages...), "produce")
}

func numbered(prefix string, count int) (values []string) {
	for i := 0; i < count; i++ {
		values = append(values, fmt.Sprintf("%s %d the same again the same again", prefix, i))
	}
	return values
}

func take(reader *kafka.Reader, count int) (messages []kafka.Message) {
	timed, cancel := context.WithTimeout(ctx, check.Patience())
	defer cancel()
	for len(messages) < count {
		message, err := reader.FetchMessage(timed)
		check.Try(err, fmt.Sprintf("record %d of %d", len(messages), count))
		messages = append(messages, message)
	}
	return messages
}

func settings(topic, group string) kafka.ReaderConfig {
	made := kafka.ReaderConfig{Brokers: []string{check.Broker}, Topic: topic, GroupID: group,
		MaxWait: 100 * time.Millisecond, StartOffset: kafka.FirstOffset}
	if group != "" {
		made.HeartbeatInterval = 200 * time.Millisecond
		made.SessionTimeout = 6 * time.Second
		made.RebalanceTimeout = 6 * time.Second
	}
	return made
}

func roundtrip(name string, codec kafka.Compression) {
	topic := check.Unique("kafka-go-" + name)
	check.Try(create(topic, 1), "create")
	values := numbered(name, 2000)
	produce(topic, 0, values, codec)
	reader := kafka.NewReader(settings(topic, ""))
	defer reader.Close()
	for i, message := range take(reader, 2000) {
		check.Equal(string(message.Value), values[i], "value")
	}
}

func seekByTime() {
	topic := check.Unique("kafka-go-time")
	check.Try(create(topic, 1), "create")
	produce(topic, 0, numbered("early", 40), 0)
	middle := check.WaitPast(time.Now().UnixMilli())
	check.WaitPast(middle)
	produce(topic, 0, numbered("late", 40), kafka.Lz4)
	reader := kafka.NewReader(settings(topic, ""))
	defer reader.Close()
	check.Try(reader.SetOffsetAt(ctx, time.UnixMilli(middle)), "offset at a time")
	check.Equal(take(reader, 40)[0].Offset, 40, "first from there")
}

type member struct {
	reader *kafka.Reader
	lock   sync.Mutex
	parts  map[int]bool
	seen   int
	ended  chan bool
}

func join(group, topic string) *member {
	m := &member{reader: kafka.NewReader(settings(topic, group)), parts: map[int]bool{},
		ended: make(chan bool)}
	go func() {
		defer close(m.ended)
		for {
			message, err := m.reader.ReadMessage(ctx)
			if err != nil {
				return
			}
			m.lock.Lock()
			m.seen++
			m.parts[message.Partition] = true
			m.lock.Unlock()
		}
	}()
	return m
}

func (m *member) counts() (int, int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return len(m.parts), m.seen
}

func groupOfTwo() {
	topic, group := check.Unique("kafka-go-group"), check.Unique("kafka-go-members")
	check.Try(create(topic, 4), "create")
	everywhere := func() {
		for partition := 0; partition < 4; partition++ {
			produce(topic, partition, numbered(fmt.Sprint(partition), 5), 0)
		}
	}
	everywhere()
	first := join(group, topic)
	check.Until("everything for one", func() bool { n, _ := first.counts(); return n == 4 })
	second := join(group, topic)
	described := func() int {
		answer, err := client().DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
		if err != nil || answer.Groups[0].GroupState != "Stable" {
			return 0
		}
		return len(answer.Groups[0].Members)
	}
	check.Until("two members", func() bool { return described() == 2 })
	everywhere()
	check.Until("the records of both", func() bool {
		_, a := first.counts()
		parts, b := second.counts()
		return a+b >= 40 && parts > 0
	})
	first.reader.Close()
	<-first.ended
	everywhere()
	check.Until("everything for the other", func() bool { n, _ := second.counts(); return n == 4 })
	second.reader.Close()
}

func commitAndResume() {
	topic, group := check.Unique("kafka-go-resume"), check.Unique("kafka-go-resumer")
	check.Try(create(topic, 1), "create")
	produce(topic, 0, numbered("record", 20), 0)
	reader := kafka.NewReader(settings(topic, group))
	messages := take(reader, 20)
	check.Try(reader.CommitMessages(ctx, messages[6]), "commit")
	check.Try(reader.Close(), "close")
	reader = kafka.NewReader(settings(topic, group))
	defer reader.Close()
	check.Equal(take(reader, 13)[0].Offset, 7, "first offset after the commit")
}

func admin() {
	topic, group := check.Unique("kafka-go-admin"), check.Unique("kafka-go-listed")
	check.Try(create(topic, 2, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "3600000"}), "create")
	check.Equal(errors.Is(create(topic, 2), kafka.TopicAlreadyExists), true, "error of a second topic")
	_, err := client().CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 3}}})
	check.Try(err, "partitions")
	check.Until("three partitions", func() bool {
		answer, err := client().Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		return err == nil && len(answer.Topics[0].Partitions) == 3
	})
	_, err = client().IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{ResourceType: kafka.ResourceTypeTopic,
			ResourceName: topic, Configs: []kafka.IncrementalAlterConfigsRequestConfig{{
				Name: "segment.bytes", Value: "2097152", ConfigOperation: kafka.ConfigOperationSet}}}}})
	check.Try(err, "alter")
	check.Until("the new configuration", func() bool {
		described, err := client().DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
			Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic,
				ResourceName: topic, ConfigNames: []string{"segment.bytes"}}}})
		return err == nil && described.Resources[0].ConfigEntries[0].ConfigValue == "2097152"
	})
	produce(topic, 0, numbered("record", 10), 0)
	reader := kafka.NewReader(settings(topic, group))
	check.Try(reader.CommitMessages(ctx, take(reader, 10)...), "commit")
	listed, err := client().ListGroups(ctx, &kafka.ListGroupsRequest{})
	check.Try(err, "groups")
	there := false
	for _, each := range listed.Groups {
		there = there || each.GroupID == group
	}
	check.Equal(there, true, "the group is listed")
	reader.Close()
	offsets, err := client().OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group,
		Topics: map[string][]int{topic: {0}}})
	check.Try(err, "offsets")
	check.Equal(offsets.Topics[topic][0].CommittedOffset, 10, "offset of the group")
	_, err = client().DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	check.Try(err, "delete the group")
	_, err = client().DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	check.Try(err, "delete the topic")
}

func transactions() {
	source, target := check.Unique("kafka-go-in"), check.Unique("kafka-go-out")
	group, id := check.Unique("kafka-go-txn"), check.Unique("kafka-go-id")
	check.Try(create(source, 1), "create")
	check.Try(create(target, 1), "create")
	var producer *kafka.ProducerSession
	check.Until("a producer id", func() bool {
		// A producer id of 0 and an epoch of 0 are what this client sends unasked (-1 would be none).
		answer, err := client().InitProducerID(ctx, &kafka.InitProducerIDRequest{
			TransactionalID: id, TransactionTimeoutMs: 10000, ProducerID: -1, ProducerEpoch: -1})
		check.Try(err, "init")
		if answer.Error == nil {
			producer = answer.Producer
		}
		return producer != nil
	})
	added, err := client().AddPartitionsToTxn(ctx, &kafka.AddPartitionsToTxnRequest{
		TransactionalID: id, ProducerID: producer.ProducerID, ProducerEpoch: producer.ProducerEpoch,
		Topics: map[string][]kafka.AddPartitionToTxn{target: {{Partition: 0}}}})
	check.Try(err, "add partitions")
	check.Try(added.Topics[target][0].Error, "add the partition")
	_, err = client().AddOffsetsToTxn(ctx, &kafka.AddOffsetsToTxnRequest{TransactionalID: id,
		ProducerID: producer.ProducerID, ProducerEpoch: producer.ProducerEpoch, GroupID: group})
	check.Try(err, "add offsets")
	committed, err := client().TxnOffsetCommit(ctx, &kafka.TxnOffsetCommitRequest{TransactionalID: id,
		GroupID: group, ProducerID: producer.ProducerID, ProducerEpoch: producer.ProducerEpoch,
		GenerationID: -1, Topics: map[string][]kafka.TxnOffsetCommit{source: {{Partition: 0, Offset: 2}}}})
	check.Try(err, "commit offsets")
	check.Try(committed.Topics[source][0].Error, "commit the offset")
	ended, err := client().EndTxn(ctx, &kafka.EndTxnRequest{TransactionalID: id, Committed: true,
		ProducerID: producer.ProducerID, ProducerEpoch: producer.ProducerEpoch})
	check.Try(err, "end")
	check.Try(ended.Error, "end")
	check.Until("the offset", func() bool {
		offsets, err := client().OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group,
			Topics: map[string][]int{source: {0}}})
		return err == nil && offsets.Topics[source][0].CommittedOffset == 2
	})
}

func main() {
	for name, codec := range map[string]kafka.Compression{"none": 0, "gzip": kafka.Gzip,
		"snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd} {
		check.Run("kafka-go codec "+name, func() { roundtrip(name, codec) })
	}
	check.Run("kafka-go seek by time", seekByTime)
	check.Run("kafka-go group of two with a rebalance", groupOfTwo)
	check.Run("kafka-go commit and resume", commitAndResume)
	check.Run("kafka-go admin", admin)
	if check.Has("transactions") {
		check.Run("kafka-go transactions", transactions)
	}
	check.Finish()
}
