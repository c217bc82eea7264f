// franz-go: a Go client that negotiates every version, with its admin package.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill.test/clients/check"
)

var ctx = context.Background()

func client(options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(check.Broker),
		kgo.MetadataMaxAge(time.Second), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
	check.Try(err, "client")
	return made
}

func create(topic string, partitions int32, configs map[string]*string) {
	cl := client()
	defer cl.Close()
	_, err := kadm.NewClient(cl).CreateTopic(ctx, partitions, 1, configs, topic)
	check.Try(err, "create "+topic)
}

func produce(topic string, partition int32, values []string, options ...kgo.Opt) []*kgo.Record {
	cl := client(options...)
	defer cl.Close()
	var records []*kgo.Record
	for _, value := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)})
	}
	check.Try(cl.ProduceSync(ctx, records...).FirstErr(), "produce")
	return records
}

func numbered(prefix string, count int) (values []string) {
	for i := 0; i < count; i++ {
		values = append(values, fmt.Sprintf("%s %d the same again the same again", prefix, i))
	}
	return values
}

func take(cl *kgo.Client, count int) (records []*kgo.Record) {
	check.Until(fmt.Sprintf("%d records", count), func() bool {
		timed, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		fetches := cl.PollFetches(timed)
		records = append(records, fetches.Records()...)
		return len(records) >= count
	})
	return records
}

func readAll(topic string, count int, options ...kgo.Opt) []*kgo.Record {
	cl := client(append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {0: kgo.NewOffset().AtStart()}}))...)
	defer cl.Close()
	return take(cl, count)
}

func roundtrip(name string, codec kgo.CompressionCodec) {
	topic := check.Unique("franz-" + name)
	create(topic, 1, nil)
	values := numbered(name, 2000)
	produce(topic, 0, values, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(10*time.Millisecond))
	for i, record := range readAll(topic, 2000) {
		check.Equal(string(record.Value), values[i], "value")
		check.Equal(record.Offset, i, "offset")
		check.Equal(record.Attrs.CompressionType(), map[string]uint8{
			"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}[name], "codec")
	}
}

func seekByTime() {
	topic := check.Unique("franz-time")
	create(topic, 1, nil)
	early := produce(topic, 0, numbered("early", 40))
	middle := check.WaitPast(early[39].Timestamp.UnixMilli())
	check.WaitPast(middle)
	produce(topic, 0, numbered("late", 40))
	cl := client()
	defer cl.Close()
	found, err := kadm.NewClient(cl).ListOffsetsAfterMilli(ctx, middle, topic)
	check.Try(err, "offsets")
	offset, _ := found.Lookup(topic, 0)
	check.Equal(offset.Offset, 40, "offset at the time")
	reader := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {0: kgo.NewOffset().AfterMilli(middle)}}))
	defer reader.Close()
	check.Equal(string(take(reader, 40)[0].Value), "late 0 the same again the same again", "first")
	newest, err := kadm.NewClient(cl).ListMaxTimestampOffsets(ctx, topic)
	check.Try(err, "newest")
	offset, _ = newest.Lookup(topic, 0)
	check.Equal(offset.Offset >= 40, true, "offset of the newest")
}

// member polls in the background and tells which values it saw and what it was assigned.
type member struct {
	*kgo.Client
	lock     sync.Mutex
	assigned map[int32]bool
	seen     map[string]bool
	ended    chan bool
}

func join(group, topic string, options ...kgo.Opt) *member {
	m := &member{assigned: map[int32]bool{}, seen: map[string]bool{}, ended: make(chan bool)}
	change := func(value bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			m.lock.Lock()
			defer m.lock.Unlock()
			for _, each := range parts[topic] {
				if value {
					m.assigned[each] = true
				} else {
					delete(m.assigned, each)
				}
			}
		}
	}
	m.Client = client(append(options, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)),
		kgo.OnPartitionsLost(change(false)), kgo.HeartbeatInterval(200*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	go func() {
		defer close(m.ended)
		for {
			fetches := m.PollFetches(ctx)
			if fetches.IsClientClosed() {
				return
			}
			m.lock.Lock()
			fetches.EachRecord(func(record *kgo.Record) { m.seen[string(record.Value)] = true })
			m.lock.Unlock()
		}
	}()
	return m
}

func (m *member) counts() (int, int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return len(m.assigned), len(m.seen)
}

func groupOfTwo(options ...kgo.Opt) {
	topic, group := check.Unique("franz-group"), check.Unique("franz-members")
	create(topic, 4, nil)
	first := join(group, topic, options...)
	defer first.Close()
	check.Until("everything for one", func() bool { n, _ := first.counts(); return n == 4 })
	second := join(group, topic, options...)
	defer second.Close()
	check.Until("two for each", func() bool {
		a, _ := first.counts()
		b, _ := second.counts()
		return a == 2 && b == 2
	})
	for partition := int32(0); partition < 4; partition++ {
		produce(topic, partition, numbered(fmt.Sprint(partition), 10))
	}
	check.Until("the records", func() bool {
		_, a := first.counts()
		_, b := second.counts()
		return a+b == 40
	})
	first.Close()
	<-first.ended
	check.Until("everything for the other", func() bool { n, _ := second.counts(); return n == 4 })
}

func commitAndResume() {
	topic, group := check.Unique("franz-resume"), check.Unique("franz-resumer")
	create(topic, 1, nil)
	produce(topic, 0, numbered("record", 20))
	options := []kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	cl := client(options...)
	records := take(cl, 20)
	check.Try(cl.CommitRecords(ctx, records[6]), "commit")
	cl.Close()
	cl = client(options...)
	defer cl.Close()
	check.Equal(take(cl, 13)[0].Offset, 7, "first offset after the commit")
}

func admin() {
	topic, group := check.Unique("franz-admin"), check.Unique("franz-listed")
	cl := client()
	defer cl.Close()
	adm := kadm.NewClient(cl)
	create(topic, 2, map[string]*string{"retention.ms": kadm.StringPtr("3600000")})
	_, err := adm.CreateTopic(ctx, 2, 1, nil, topic)
	check.Equal(errors.Is(err, kerr.TopicAlreadyExists), true, "the error of a second topic")
	_, err = adm.UpdatePartitions(ctx, 3, topic)
	check.Try(err, "partitions")
	check.Until("three partitions", func() bool {
		topics, err := adm.ListTopics(ctx, topic)
		return err == nil && len(topics[topic].Partitions) == 3
	})
	_, err = adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "segment.bytes", Value: kadm.StringPtr("2097152")}}, topic)
	check.Try(err, "alter")
	check.Until("both configurations", func() bool {
		configs, err := adm.DescribeTopicConfigs(ctx, topic)
		check.Try(err, "describe")
		values := map[string]string{}
		for _, config := range configs[0].Configs {
			values[config.Key] = config.MaybeValue()
		}
		return values["segment.bytes"] == "2097152" && values["retention.ms"] == "3600000"
	})
	produce(topic, 1, numbered("record", 10))
	offsets := make(kadm.Offsets)
	offsets.Add(kadm.Offset{Topic: topic, Partition: 1, At: 4, LeaderEpoch: -1})
	_, err = adm.DeleteRecords(ctx, offsets)
	check.Try(err, "delete records")
	starts, err := adm.ListStartOffsets(ctx, topic)
	check.Try(err, "start offsets")
	start, _ := starts.Lookup(topic, 1)
	check.Equal(start.Offset, 4, "start")
	_, err = adm.CommitOffsets(ctx, group, offsets)
	check.Try(err, "commit for a group")
	fetched, err := adm.FetchOffsets(ctx, group)
	check.Try(err, "offsets of the group")
	at, _ := fetched.Lookup(topic, 1)
	check.Equal(at.At, 4, "offset of the group")
	listed, err := adm.ListGroups(ctx)
	check.Try(err, "groups")
	_, there := listed[group]
	check.Equal(there, true, "the group is listed")
	lags, err := adm.Lag(ctx, group)
	check.Try(err, "lag")
	check.Equal(lags[group].Lag.Total(), 6, "lag")
	_, err = adm.DeleteGroup(ctx, group)
	check.Try(err, "delete the group")
	_, err = adm.DeleteTopic(ctx, topic)
	check.Try(err, "delete the topic")
	_, err = adm.Metadata(ctx)
	check.Try(err, "metadata")
}

func transactions() {
	source, target := check.Unique("franz-in"), check.Unique("franz-out")
	group, id := check.Unique("franz-txn"), check.Unique("franz-id")
	create(source, 1, nil)
	create(target, 1, nil)
	produce(source, 0, numbered("record", 10))
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(check.Broker),
		kgo.TransactionalID(id), kgo.ConsumerGroup(group), kgo.ConsumeTopics(source),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	check.Try(err, "session")
	defer session.Close()
	check.Try(session.Begin(), "begin")
	session.Produce(ctx, &kgo.Record{Topic: target, Value: []byte("never")}, nil)
	_, err = session.End(ctx, kgo.TryAbort)
	check.Try(err, "abort")
	moved := 0
	check.Until("ten records", func() bool {
		timed, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		fetches := session.PollFetches(timed)
		check.Try(session.Begin(), "begin")
		fetches.EachRecord(func(record *kgo.Record) {
			session.Produce(ctx, &kgo.Record{Topic: target, Value: record.Value}, nil)
		})
		committed, err := session.End(ctx, kgo.TryCommit)
		check.Try(err, "end")
		if committed {
			moved += fetches.NumRecords()
		}
		return moved == 10
	})
	records := readAll(target, 10, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	check.Equal(string(records[0].Value), "record 0 the same again the same again", "first committed")
	cl := client()
	defer cl.Close()
	fetched, err := kadm.NewClient(cl).FetchOffsets(ctx, group)
	check.Try(err, "offsets")
	at, _ := fetched.Lookup(source, 0)
	check.Equal(at.At, 10, "offset of the transaction")
	described, err := kadm.NewClient(cl).DescribeTransactions(ctx, id)
	check.Try(err, "describe transactions")
	check.Equal(described[id].TxnID, id, "the transaction's id")
}

func main() {
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		check.Run("franz-go codec "+name, func() { roundtrip(name, codec) })
	}
	check.Run("franz-go seek by time", seekByTime)
	check.Run("franz-go group of two, cooperative", func() { groupOfTwo() })
	check.Run("franz-go group of two, range", func() { groupOfTwo(kgo.Balancers(kgo.RangeBalancer())) })
	check.Run("franz-go commit and resume", commitAndResume)
	check.Run("franz-go admin", admin)
	if check.Has("transactions") {
		check.Run("franz-go transactions", transactions)
	}
	check.Finish()
}
