import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

/** Keys, their hashes, and the partitions Kafka's producer would choose. */
final class Murmur2 {
    private static final int[] PARTITION_COUNTS = {1, 2, 3, 7, 16, 100, 10000};
    private static final String[] KNOWN = {"", "21", "foobar", "a-little-bit-long-string",
        "a-little-bit-longer-string", "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", "abc"};

    private Murmur2() {
    }

    static List<String> table() {
        List<byte[]> keys = new ArrayList<>();
        for (String known : KNOWN) {
            keys.add(known.getBytes(StandardCharsets.UTF_8));
        }
        for (int octet = 0; octet < 256; octet += 51) {
            keys.add(new byte[] {(byte) octet});
        }
        Random random = new Random(1);
        for (int i = 0; i < 1000; i++) {
            byte[] key = new byte[i % 40];
            random.nextBytes(key);
            keys.add(key);
        }
        List<String> lines = new ArrayList<>();
        StringBuilder head = new StringBuilder("# key in hexadecimal\thash\tpartition of");
        for (int count : PARTITION_COUNTS) {
            head.append(count == 1 ? " " : "\t").append(count);
        }
        lines.add(head.toString());
        for (byte[] key : keys) {
            StringBuilder line = new StringBuilder(HexFormat.of().formatHex(key));
            line.append('\t').append(Utils.murmur2(key));
            for (int count : PARTITION_COUNTS) {
                line.append('\t').append(BuiltInPartitioner.partitionForKey(key, count));
            }
            lines.add(line.toString());
        }
        return lines;
    }
}
