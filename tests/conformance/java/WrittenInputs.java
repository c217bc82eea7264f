import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Inputs written by hand: the tables of Kafka's documentation, and records exactly on edges. */
final class WrittenInputs {
    /** TOPIC KEY, then TIMESTAMP VALUE ... where ! is a null value and L:, R: name the topics. */
    private static final String JOINED = "1 L:! 2 R:! 3 L:A 4 R:a 5 L:B 6 R:b 7 L:! 8 R:! 9 L:C "
            + "10 R:c 11 R:! 12 L:! 13 L:! 14 R:d 15 L:D";

    private WrittenInputs() {
    }

    static void addTo(Map<String, List<String>> files) {
        files.put("docs_streams-0", joined(JOINED + " 40 L:E 60 L:F 80 R:f 100 L:G"));
        files.put("docs_tables-0", joined(JOINED));
        files.put("docs_versioned-0", joined("1 L:! 2 R:! 3 L:A 4 R:a 5 R:b 6 L:B 7 L:! 9 L:C "
                + "8 L:X 7 R:e 10 R:c 6 R:q 11 L:D 30 L:E 12 L:F 12 R:f 31 L:G 5 R:z"));
        files.put("docs_foreign-0", foreign());
        files.put("edges-0", edges());
    }

    private static List<String> joined(String words) {
        List<String> lines = new ArrayList<>();
        String[] parts = words.split(" ");
        for (int i = 0; i < parts.length; i += 2) {
            String topic = parts[i + 1].startsWith("L") ? "left" : "right";
            lines.add(line(topic, parts[i], "k", parts[i + 1].substring(2)));
        }
        return lines;
    }

    /** Rows 1 to 9 of the documentation's foreign key table; its keys 1, 2 are x, y here. */
    private static List<String> foreign() {
        return List.of(line("left", "1", "k", "x1"), line("right", "2", "x", "foo"),
                line("left", "3", "k", "y2"), line("right", "4", "y", "bar"),
                line("left", "5", "k", "!"), line("left", "6", "k", "x3"),
                line("left", "7", "q", "x1"), line("right", "8", "x", "!"),
                line("left", "9", "k", "w1"), line("left", "10", "k", "-1"),
                line("right", "11", "x", "baz"), line("left", "12", "q", "!"));
    }

    /** With windows, gaps and graces of 10 and 5: one before, on and one behind each edge. */
    private static List<String> edges() {
        List<String> lines = new ArrayList<>();
        int[] times = {0, 9, 10, 11, 4, 5, 14, 15, 9, 0, 19, 20, 10, 9, 24, 25, 14, 15, 29, 30, 20,
            19, 40, 30, 29, 50, 61, 60, 51, 72, 66, 56, 55, 100, 95, 90, 89, 85, 84, 105, 110, 115,
            200, 210, 220, 215, 205, 195, 194, 190, 185, 184, 300};
        for (int i = 0; i < times.length; i++) {
            lines.add(line("in", "" + times[i], "k", "" + i));
        }
        return lines;
    }

    private static String line(String topic, String timestamp, String key, String value) {
        return topic + "\t" + timestamp + "\t" + key + "\t" + (value.equals("!") ? "\\N" : value);
    }
}
