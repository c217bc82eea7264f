/* See histogram.h. Values below 128 have a bucket each; above, the six bits behind the leading one
 * choose it. */
#include "runtime/cli/histogram.h"

enum { STEP_BITS = 6, BAR_WIDTH = 40 };

static size_t bucket_of(uint64_t value)
{
    if (value < 2 * HISTOGRAM_STEPS) {
        return (size_t)value;
    }
    unsigned power = 63 - (unsigned)__builtin_clzll(value) - STEP_BITS;
    size_t index = HISTOGRAM_STEPS * power + (size_t)(value >> power);
    return index < HISTOGRAM_SIZE ? index : HISTOGRAM_SIZE - 1;
}

/* The largest value of a bucket. */
static uint64_t bucket_end(size_t index)
{
    if (index < 2 * HISTOGRAM_STEPS) {
        return index;
    }
    size_t power = index / HISTOGRAM_STEPS - 1;
    uint64_t start = (uint64_t)(index - HISTOGRAM_STEPS * power) << power;
    return start + ((uint64_t)1 << power) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    if (histogram->count == 0 || value < histogram->smallest) {
        histogram->smallest = value;
    }
    if (value > histogram->largest) {
        histogram->largest = value;
    }
    histogram->count++;
    histogram->sum += (double)value;
}

uint64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * quantile + 0.999999), seen = 0;
    wanted = wanted < 1 ? 1 : wanted > histogram->count ? histogram->count : wanted;
    for (size_t i = 0; i < HISTOGRAM_SIZE && histogram->count > 0; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted) {
            uint64_t end = bucket_end(i);
            return end > histogram->largest ? histogram->largest : end;
        }
    }
    return 0;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : histogram->sum / (double)histogram->count;
}

void histogram_print_ns(uint64_t ns, struct buffer *out)
{
    static const struct {
        double ns;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
    size_t unit = 0;
    while (unit < 3 && (double)ns < units[unit].ns) {
        unit++;
    }
    double value = (double)ns / units[unit].ns;
    buffer_printf(out, value >= 100 ? "%.0f %s" : "%.3g %s", value, units[unit].name);
}

void histogram_print(const struct histogram *histogram, struct buffer *out)
{
    uint64_t rows[64] = {0}, most = 0;
    for (size_t i = 0; i < HISTOGRAM_SIZE; i++) {
        uint64_t end = bucket_end(i);
        unsigned power = end < 2 ? 0 : 63 - (unsigned)__builtin_clzll(end);
        rows[power] += histogram->counts[i];
    }
    for (size_t i = 0; i < 64; i++) {
        most = rows[i] > most ? rows[i] : most;
    }
    for (size_t i = 0; i < 64; i++) {
        if (rows[i] == 0) {
            continue;
        }
        size_t start = out->size;
        buffer_add_string(out, "  up to ");
        histogram_print_ns(((uint64_t)2 << i) - 1, out);
        buffer_printf(out, "%*s%10llu  ", (int)(start + 18 - out->size), "",
                      (unsigned long long)rows[i]);
        for (uint64_t j = 0; j < (rows[i] * BAR_WIDTH + most - 1) / most; j++) {
            buffer_add_byte(out, '#');
        }
        buffer_add_byte(out, '\n');
    }
}
