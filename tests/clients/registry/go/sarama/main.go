// sarama: once with the newest protocol version that it knows and once pinned to an old one, as
// programs that were written years ago pin it.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"tidemill.test/clients/check"
)

var version sarama.KafkaVersion

func config() *sarama.Config {
	made := sarama.NewConfig()
	made.Version = version
	made.Producer.Return.Successes = true
	made.Producer.RequiredAcks = sarama.WaitForAll
	made.Producer.Partitioner = sarama.NewManualPartitioner
	made.Consumer.Offsets.Initial = sarama.OffsetOldest
	made.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	made.Consumer.Group.Session.Timeout = 6 * time.Second
	made.Metadata.RefreshFrequency = time.Second
	return made
}

func admin() sarama.ClusterAdmin {
	made, err := sarama.NewClusterAdmin([]string{check.Broker}, config())
	check.Try(err, "admin")
	return made
}

func create(topic string, partitions int32, entries map[string]*string) {
	adm := admin()
	defer adm.Close()
	check.Try(adm.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions,
		ReplicationFactor: 1, ConfigEntries: entries}, false), "create "+topic)
}

func produce(topic string, partition int32, values []string, change func(*sarama.Config)) {
	settings := config()
	if change != nil {
		change(settings)
	}
	producer, err := sarama.NewSyncProducer([]string{check.Broker}, settings)
	check.Try(err, "producer")
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	for _, value := range values {
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Partition: partition,
			Value: sarama.StringEncoder(value)})
	}
	check.Try(producer.SendMessages(messages), "produce")
}

func numbered(prefix string, count int) (values []string) {
	for i := 0; i < count; i++ {
		values = append(values, fmt.Sprintf("%s %d the same again the same again", prefix, i))
	}
	return values
}

func readFrom(topic string, offset int64, count int, change func(*sarama.Config)) (values []string) {
	settings := config()
	if change != nil {
		change(settings)
	}
	consumer, err := sarama.NewConsumer([]string{check.Broker}, settings)
	check.Try(err, "consumer")
	defer consumer.Close()
	part, err := consumer.ConsumePartition(topic, 0, offset)
	check.Try(err, "partition")
	defer part.Close()
	late := time.After(check.Patience())
	for len(values) < count {
		select {
		case message := <-part.Messages():
			values = append(values, string(message.Value))
		case <-late:
			check.Fail("waited for %d records; there are %d", count, len(values))
		}
	}
	return values
}

func roundtrip(name string, codec sarama.CompressionCodec) {
	topic := check.Unique("sarama-" + name)
	create(topic, 1, nil)
	values := numbered(name, 1000)
	produce(topic, 0, values, func(settings *sarama.Config) {
		settings.Producer.Compression = codec
		settings.Producer.Idempotent = codec == sarama.CompressionLZ4
		if settings.Producer.Idempotent {
			settings.Net.MaxOpenRequests = 1
		}
	})
	check.Equal(readFrom(topic, 0, 1000, nil), values, "values")
}

func seekByTime() {
	topic := check.Unique("sarama-time")
	create(topic, 1, nil)
	produce(topic, 0, numbered("early", 40), nil)
	middle := check.WaitPast(time.Now().UnixMilli())
	check.WaitPast(middle)
	produce(topic, 0, numbered("late", 40), nil)
	cl, err := sarama.NewClient([]string{check.Broker}, config())
	check.Try(err, "client")
	defer cl.Close()
	offset, err := cl.GetOffset(topic, 0, middle)
	check.Try(err, "offset")
	check.Equal(offset, 40, "offset at the time")
	check.Equal(readFrom(topic, offset, 1, nil)[0], numbered("late", 1)[0], "first from there")
	end, err := cl.GetOffset(topic, 0, sarama.OffsetNewest)
	check.Try(err, "end")
	check.Equal(end, 80, "end")
}

type member struct {
	lock   sync.Mutex
	claims int
	seen   map[string]bool
	limit  int64
	stop   context.CancelFunc
	ended  chan bool
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.claims = 0
	for _, partitions := range session.Claims() {
		m.claims += len(partitions)
	}
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession,
	claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			m.lock.Lock()
			m.seen[fmt.Sprint(message.Partition, " ", message.Offset)] = true
			m.lock.Unlock()
			if m.limit == 0 || message.Offset < m.limit {
				session.MarkMessage(message, "")
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) counts() (int, int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.claims, len(m.seen)
}

func join(group, topic string, limit int64) *member {
	settings := config()
	settings.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{
		sarama.NewBalanceStrategyRoundRobin()}
	members, err := sarama.NewConsumerGroup([]string{check.Broker}, group, settings)
	check.Try(err, "group")
	ctx, stop := context.WithCancel(context.Background())
	m := &member{seen: map[string]bool{}, limit: limit, stop: stop, ended: make(chan bool)}
	go func() {
		defer close(m.ended)
		defer members.Close()
		for ctx.Err() == nil {
			_ = members.Consume(ctx, []string{topic}, m)
		}
	}()
	return m
}

func (m *member) leave() {
	m.stop()
	<-m.ended
}

func groupOfTwo() {
	topic, group := check.Unique("sarama-group"), check.Unique("sarama-members")
	create(topic, 4, nil)
	first := join(group, topic, 0)
	check.Until("everything for one", func() bool { n, _ := first.counts(); return n == 4 })
	second := join(group, topic, 0)
	check.Until("two for each", func() bool {
		a, _ := first.counts()
		b, _ := second.counts()
		return a == 2 && b == 2
	})
	for partition := int32(0); partition < 4; partition++ {
		produce(topic, partition, numbered(fmt.Sprint(partition), 10), nil)
	}
	check.Until("the records", func() bool {
		_, a := first.counts()
		_, b := second.counts()
		return a+b == 40
	})
	first.leave()
	check.Until("everything for the other", func() bool { n, _ := second.counts(); return n == 4 })
	second.leave()
}

func commitAndResume() {
	topic, group := check.Unique("sarama-resume"), check.Unique("sarama-resumer")
	create(topic, 1, nil)
	produce(topic, 0, numbered("record", 20), nil)
	first := join(group, topic, 7)
	check.Until("all records", func() bool { _, n := first.counts(); return n == 20 })
	first.leave()
	second := join(group, topic, 7)
	check.Until("the rest", func() bool { _, n := second.counts(); return n == 13 })
	second.leave()
	check.Equal(second.seen["0 6"], false, "a committed record came again")
}

func administration() {
	topic, group := check.Unique("sarama-admin"), check.Unique("sarama-listed")
	value, larger := "3600000", "2097152"
	create(topic, 2, map[string]*string{"retention.ms": &value})
	adm := admin()
	defer adm.Close()
	err := adm.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false)
	check.Equal(errors.Is(err, sarama.ErrTopicAlreadyExists), true, "the error of a second topic")
	check.Try(adm.CreatePartitions(topic, 3, nil, false), "partitions")
	check.Until("three partitions", func() bool {
		described, err := adm.DescribeTopics([]string{topic})
		return err == nil && len(described[0].Partitions) == 3
	})
	check.Try(adm.IncrementalAlterConfig(sarama.TopicResource, topic,
		map[string]sarama.IncrementalAlterConfigsEntry{"segment.bytes": {
			Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &larger}}, false), "alter")
	check.Until("both configurations", func() bool {
		entries, err := adm.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic,
			ConfigNames: []string{"segment.bytes", "retention.ms"}})
		check.Try(err, "describe")
		values := map[string]string{}
		for _, entry := range entries {
			values[entry.Name] = entry.Value
		}
		return values["segment.bytes"] == larger && values["retention.ms"] == value
	})
	produce(topic, 0, numbered("record", 10), nil)
	check.Try(adm.DeleteRecords(topic, map[int32]int64{0: 4}), "delete records")
	member := join(group, topic, 0)
	check.Until("the records", func() bool { _, n := member.counts(); return n == 6 })
	described, err := adm.DescribeConsumerGroups([]string{group})
	check.Try(err, "describe the group")
	check.Equal(described[0].State, "Stable", "state")
	groups, err := adm.ListConsumerGroups()
	check.Try(err, "groups")
	check.Equal(groups[group], "consumer", "the group in the list")
	member.leave()
	offsets, err := adm.ListConsumerGroupOffsets(group, nil)
	check.Try(err, "offsets")
	check.Equal(offsets.GetBlock(topic, 0).Offset, 10, "committed")
	check.Try(adm.DeleteConsumerGroupOffset(group, topic, 0), "delete the offset")
	check.Try(adm.DeleteConsumerGroup(group), "delete the group")
	check.Try(adm.DeleteTopic(topic), "delete the topic")
	_, _, err = adm.DescribeCluster()
	check.Try(err, "cluster")
	if check.Has("log-dirs") {
		_, err = adm.DescribeLogDirs([]int32{1})
		check.Try(err, "log directories")
	}
}

func transactions() {
	source, target := check.Unique("sarama-in"), check.Unique("sarama-out")
	group := check.Unique("sarama-txn")
	create(source, 1, nil)
	create(target, 1, nil)
	settings := config()
	settings.Producer.Idempotent = true
	settings.Producer.Transaction.ID = check.Unique("sarama-id")
	settings.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{check.Broker}, settings)
	check.Try(err, "producer")
	defer producer.Close()
	send := func(value string) {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: target,
			Value: sarama.StringEncoder(value)})
		check.Try(err, "send")
	}
	check.Try(producer.BeginTxn(), "begin")
	send("never")
	check.Try(producer.AbortTxn(), "abort")
	check.Try(producer.BeginTxn(), "begin")
	send("one")
	send("two")
	metadata := ""
	check.Try(producer.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{
		source: {{Partition: 0, Offset: 2, Metadata: &metadata}}}, group), "offsets")
	check.Try(producer.CommitTxn(), "commit")
	check.Equal(readFrom(target, 0, 2, func(settings *sarama.Config) {
		settings.Consumer.IsolationLevel = sarama.ReadCommitted
	}), []string{"one", "two"}, "committed")
	adm := admin()
	defer adm.Close()
	offsets, err := adm.ListConsumerGroupOffsets(group, map[string][]int32{source: {0}})
	check.Try(err, "offsets")
	check.Equal(offsets.GetBlock(source, 0).Offset, 2, "offset of the transaction")
}

func main() {
	for _, version = range []sarama.KafkaVersion{sarama.MaxVersion, sarama.V2_8_0_0, sarama.V2_1_0_0} {
		run := func(name string, action func()) { check.Run(fmt.Sprint("sarama ", version, " ", name), action) }
		for _, codec := range []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP,
			sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
			run("codec "+codec.String(), func() { roundtrip(codec.String(), codec) })
		}
		run("seek by time", seekByTime)
		run("group of two with a rebalance", groupOfTwo)
		run("commit and resume", commitAndResume)
		if version.IsAtLeast(sarama.V2_8_0_0) {
			run("admin", administration)
		}
		if check.Has("transactions") {
			run("transactions", transactions)
		}
	}
	check.Finish()
}
