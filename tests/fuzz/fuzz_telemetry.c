/* Feeds bytes to what reads the metrics that clients push.
 *
 *      0  OTLP metrics data, as a client may send it, unpacked
 *
 * Promises: reading and showing stay inside the bytes and within memory that follows them; the page
 * has one number per sample, never more samples than were allowed, and no name of this broker's. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/server/client_sample.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"

#include <stdlib.h>
#include <string.h>

enum {
    FUZZ_SAMPLE_MAX = 50,
    FUZZ_MEMORY_FACTOR = 16,
    FUZZ_MEMORY_MIN = 64 * 1024,
    /* A page escapes what it shows, and labels stand in each of its lines. */
    FUZZ_PAGE_MAX = FUZZ_SAMPLE_MAX * 4096,
};

static void fuzz_show(struct client_sample_set *samples)
{
    struct client_sample *all[FUZZ_SAMPLE_MAX];
    struct buffer page;
    size_t count = 0;
    buffer_init(&page);
    for (map_each (&samples->samples, entry)) {
        check(count < FUZZ_SAMPLE_MAX);
        all[count++] = entry->value;
    }
    client_sample_write(all, count, &page);
    size_t line_count = 0;
    for (const char *line = buffer_string(&page); *line != 0; line = strchr(line, '\n') + 1) {
        check(strncmp(line, "tidemill_", 9) != 0);
        line_count += *line != '#';
    }
    check(line_count == count);
    buffer_fini(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client_sample_set samples;
    size_t dropped_count = 0;
    size_t memory_max = size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN;
    gauge_start(memory_max + FUZZ_PAGE_MAX);
    client_sample_set_init(&samples);
    for (int round = 0; round < 2; round++) {
        int error = client_sample_set_read(&samples, bytes_make(data, size), "client_id=\"c\"",
                                           FUZZ_SAMPLE_MAX, memory_max, &dropped_count);
        check(error == 0 || error == ERROR_INVALID_RECORD);
        check(samples.samples.size <= FUZZ_SAMPLE_MAX);
    }
    fuzz_show(&samples);
    client_sample_set_fini(&samples);
    return 0;
}
