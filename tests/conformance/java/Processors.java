import java.time.Duration;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.VersionedRecord;

/** Processors of the cases that are no steps of the DSL. */
final class Processors {
    private Processors() {
    }

    /** Forwards nothing but ticks: which timer, its time, and what came since the last. */
    static final class Ticker implements Processor<String, String, String, String> {
        private final Duration streamSpan;
        private final Duration wallSpan;
        private String seen = "";
        private ProcessorContext<String, String> context;

        Ticker(Duration streamSpan, Duration wallSpan) {
            this.streamSpan = streamSpan;
            this.wallSpan = wallSpan;
        }

        @Override
        public void init(ProcessorContext<String, String> given) {
            context = given;
            if (streamSpan != null) {
                context.schedule(streamSpan, PunctuationType.STREAM_TIME,
                        time -> tick("stream", time));
            }
            if (wallSpan != null) {
                context.schedule(wallSpan, PunctuationType.WALL_CLOCK_TIME,
                        time -> tick("wall", time));
            }
        }

        private void tick(String timer, long time) {
            context.forward(new Record<>(timer, seen + "@" + context.currentStreamTimeMs(), time));
            seen = "";
        }

        @Override
        public void process(Record<String, String> record) {
            seen = Words.concat(seen, record.value());
        }
    }

    /** Puts each record into a versioned store and tells what the store then knows of its key. */
    static final class Versions implements Processor<String, String, String, String> {
        private static final long[] AGES = {0, 7, 19, 20, 21, 40};

        private ProcessorContext<String, String> context;
        private VersionedKeyValueStore<String, String> store;

        @Override
        public void init(ProcessorContext<String, String> given) {
            context = given;
            store = context.getStateStore("v");
        }

        @Override
        public void process(Record<String, String> record) {
            if (record.key() == null) {
                return;
            }
            StringBuilder told = new StringBuilder();
            told.append(store.put(record.key(), record.value(), record.timestamp()));
            told.append(' ').append(text(store.get(record.key())));
            for (long age : AGES) {
                told.append(' ').append(text(store.get(record.key(),
                        context.currentStreamTimeMs() - age)));
            }
            context.forward(record.withValue(told.toString()));
        }

        private static String text(VersionedRecord<String> version) {
            return version == null ? "~" : version.value() + "@" + version.timestamp();
        }
    }
}
