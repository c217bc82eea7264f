import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * The input files: random ones that are the same for the same seed, and written ones.
 *
 * Time mostly crawls; it also stands, jumps, steps onto multiples of 5, and goes back a little or a
 * lot. Some records are exact repetitions, some have no key, some no value.
 */
final class Inputs {
    private static final String NONE = "\\N";
    private static final String[] KEYS = {"a", "b", "c", "d"};

    private final Random random;
    private final List<String> lines = new ArrayList<>();
    private long now;

    private Inputs(String family, long seed) {
        random = new Random(31 * seed + family.hashCode());
        now = seed == 1 ? 0 : 1000 * seed;
    }

    /** File name without its ending -> lines. */
    static Map<String, List<String>> all() {
        Map<String, List<String>> files = new LinkedHashMap<>();
        for (int seed = 1; seed <= 2; seed++) {
            files.put("plain-" + seed, new Inputs("plain", seed).plain(170, 3, 4));
            files.put("table-" + seed, new Inputs("table", seed).plain(250, 3, 15));
            files.put("pair-" + seed, new Inputs("pair", seed).pair(250));
            files.put("grouped-" + seed, new Inputs("grouped", seed).grouped(250));
            files.put("foreign-" + seed, new Inputs("foreign", seed).foreign(250));
            files.put("clock-" + seed, new Inputs("clock", seed).clock(200));
        }
        WrittenInputs.addTo(files);
        return files;
    }

    private List<String> plain(int count, int nullKeys, int nullValues) {
        while (lines.size() < count) {
            add("in", key(KEYS, nullKeys), orNull(nullValues, number()));
        }
        return lines;
    }

    private List<String> pair(int count) {
        while (lines.size() < count) {
            add(random.nextBoolean() ? "left" : "right", key(KEYS, 3), orNull(12, number()));
        }
        return lines;
    }

    /** A letter that is the group, and a number. */
    private List<String> grouped(int count) {
        while (lines.size() < count) {
            add("in", key(KEYS, 3), orNull(15, "xyz-".charAt(random.nextInt(4)) + number()));
        }
        return lines;
    }

    /** Left: a letter that is a key of the right, or - for none, and a number. */
    private List<String> foreign(int count) {
        String[] rightKeys = {"x", "y", "z"};
        while (lines.size() < count) {
            if (random.nextInt(5) < 3) {
                add("left", key(KEYS, 3), orNull(12, "wxyz-".charAt(random.nextInt(5)) + number()));
            } else {
                add("right", key(rightKeys, 3), orNull(20, number()));
            }
        }
        return lines;
    }

    private List<String> clock(int count) {
        while (lines.size() < count) {
            if (random.nextInt(4) == 0) {
                lines.add("@wall\t" + (1 + random.nextInt(random.nextInt(5) == 0 ? 40 : 8)));
            } else {
                add("in", key(KEYS, 0), number());
            }
        }
        return lines;
    }

    private void add(String topic, String key, String value) {
        int dice = random.nextInt(100);
        if (dice < 5 && !lines.isEmpty()) {
            lines.add(lines.get(random.nextInt(lines.size())));
            return;
        }
        lines.add(topic + "\t" + timestamp(dice) + "\t" + key + "\t" + value);
    }

    private long timestamp(int dice) {
        if (dice < 25) {
            return Math.max(0, now - 1 - random.nextInt(20));
        } else if (dice < 27) {
            return Math.max(0, now - 40 - random.nextInt(40));
        } else if (dice < 31) {
            now += 15 + random.nextInt(25);
        } else if (dice < 43) {
            now = (now / 5 + 1) * 5;
        } else if (dice < 85) {
            now += random.nextInt(4);
        }
        return now;
    }

    private String key(String[] keys, int nullPercent) {
        return orNull(nullPercent, keys[random.nextInt(keys.length)]);
    }

    private String orNull(int percent, String text) {
        return random.nextInt(100) < percent ? NONE : text;
    }

    private String number() {
        return Integer.toString(random.nextInt(100));
    }
}
