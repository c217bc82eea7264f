import java.util.function.Consumer;
import org.apache.kafka.streams.StreamsBuilder;

/**
 * One topology and the input it is asked with.
 *
 * @param group    the folder of its outputs
 * @param input    the family of inputs, see {@link Inputs}
 * @param topology the same topology as words, in the manner of our Lua builder
 * @param build    the topology itself; what it writes to any topic of its own is the output
 */
record Case(String group, String name, String input, String topology, boolean isOptimized,
            Consumer<StreamsBuilder> build) {

    Case(String group, String name, String input, String topology, Consumer<StreamsBuilder> build) {
        this(group, name, input, topology, false, build);
    }
}
