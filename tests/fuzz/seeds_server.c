/* Conversations with a broker: every API in every version, and what nobody should send. */
#include "log/wire/messages.h"
#include "tests/fuzz/seeds.h"

#include <stdio.h>

enum { SEEDS_LINE_COUNT = 4, SEEDS_STEPS_OF_FILE = 24 };

static const struct {
    const char *name;
    const char *steps;
    size_t size;
} seeds_server_rows[] = {
#define ROW(name, steps)                                                                           \
    {                                                                                              \
        name, steps, sizeof steps - 1                                                              \
    }
    /* Lengths of 2 GiB, negative ones, nothing, and silence after them. */
    ROW("server/lengths", "\x03\x00\x0b\x01\x13\x02\x1b\x03\x05\x14\x03\x05\x0b\x06\x05\xff"),
    /* Half a frame, then the end; a whole one behind half a one. */
    ROW("server/half", "\x03\x07\x02\x04\x00\x03\x00\x01\x05\x01\x04\x02\x02\x00\x00"),
    /* Metadata, ApiVersions and Produce without bodies. */
    ROW("server/headers", "\x01\x03\x01\x00\x01\x12\x03\x00\x01\x00\x05\x00"),
    /* Counts of two thousand million topics. */
    ROW("server/counts",
        "\x01\x03\x01\x04\x7f\xff\xff\xff\x01\x03\x09\x06\xff\xff\xff\xff\x0f\x00"),
    /* Bombs of each codec, and one of them twice on one line. */
    ROW("server/bombs", "\x07\x00\x0f\x01\x17\x02\x1f\x03\x07\x03\x05\x05"),
    /* Batches whose records are no records, control batches, codecs that are not there. */
    ROW("server/batches", "\x06\x00\x01\x04\x0c\x00\x00\x00\x06\x20\x01\x00\x06\x07\x01\x02zz"),
#undef ROW
};

static void seeds_server_save(const char *folder, int number, struct buffer *steps)
{
    char name[64];
    if (steps->size > 0) {
        snprintf(name, sizeof name, "server/plain_every_%02d", number);
        seeds_save(folder, name, buffer_bytes(steps));
        buffer_clear(steps);
    }
}

static void seeds_server_every(const char *folder)
{
    struct buffer steps;
    int count = 0;
    buffer_init(&steps);
    for (int key = 0; key < 128; key++) {
        const struct frame_api *api = frame_api_find((int16_t)key);
        for (int i = 0; api != NULL && i <= api->request->highest - api->request->lowest; i++) {
            uint8_t step[] = {(uint8_t)(count % SEEDS_LINE_COUNT << 3),
                              (uint8_t)key,
                              (uint8_t)i,
                              (uint8_t)(key + i),
                              0,
                              0,
                              0};
            buffer_add(&steps, step, sizeof step);
            if (++count % SEEDS_STEPS_OF_FILE == 0) {
                seeds_server_save(folder, count / SEEDS_STEPS_OF_FILE, &steps);
            }
        }
    }
    seeds_server_save(folder, count / SEEDS_STEPS_OF_FILE + 1, &steps);
    buffer_fini(&steps);
}

/* The newest version of each API, to be varied. */
static void seeds_server_newest(const char *folder)
{
    for (int key = 0; key < 128; key++) {
        const struct frame_api *api = frame_api_find((int16_t)key);
        if (api != NULL) {
            uint8_t step[] = {
                0, (uint8_t)key, (uint8_t)(api->request->highest - api->request->lowest), 1, 0, 0,
                0};
            char name[64];
            snprintf(name, sizeof name, "server/%s", api->name);
            seeds_save(folder, name, bytes_make(step, sizeof step));
        }
    }
}

void seeds_server(const char *folder)
{
    for (size_t i = 0; i < sizeof seeds_server_rows / sizeof *seeds_server_rows; i++) {
        seeds_save(folder, seeds_server_rows[i].name,
                   bytes_make(seeds_server_rows[i].steps, seeds_server_rows[i].size));
    }
    seeds_server_every(folder);
    seeds_server_newest(folder);
}
