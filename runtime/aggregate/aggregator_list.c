/* The values themselves, so many in the order they came: collect. What comes when the list is full
 * is passed over. The summary is their sizes, four bytes each, with their JSON as it was written.
 */
#include "log/base/error.h"
#include "runtime/aggregate/aggregator.h"

enum {
    LIST_LIMIT_MAX = 10000,
    LIST_SIZE_MAX = 1 << 20,
    HEAD_SIZE = 4,
};

/* How many there are, or ERROR_CORRUPT; appends them as JSON unless it is NULL. */
static int walk_list(struct bytes summary, struct buffer *json)
{
    int count = 0;
    for (size_t at = 0; at < summary.size; count++) {
        if (summary.size - at < HEAD_SIZE || count == LIST_LIMIT_MAX) {
            return ERROR_CORRUPT;
        }
        size_t size = endian_read_u32(summary.data + at);
        at += HEAD_SIZE;
        if (size > summary.size - at) {
            return ERROR_CORRUPT;
        }
        if (json != NULL && count > 0) {
            buffer_add_byte(json, ',');
        }
        if (json != NULL) {
            buffer_add(json, summary.data + at, size);
        }
        at += size;
    }
    return count;
}

static int list_add(struct summary_parameter parameter, const struct summary_input *input,
                    struct bytes summary, struct buffer *out)
{
    struct bytes value = json_raw(input->json, input->token);
    int count = walk_list(summary, NULL);
    if (count < 0) {
        return count;
    }
    buffer_add_bytes(out, summary);
    if (count >= (int64_t)parameter.number) {
        return 0;
    }
    if (value.size > LIST_SIZE_MAX || summary.size > LIST_SIZE_MAX - value.size) {
        return ERROR_TOO_LARGE;
    }
    endian_write_u32(buffer_reserve(out, HEAD_SIZE), (uint32_t)value.size);
    out->size += HEAD_SIZE;
    buffer_add_bytes(out, value);
    return 0;
}

/* The size of the first `count` values of a good list. */
static size_t head_size(struct bytes summary, int64_t count)
{
    size_t at = 0;
    for (int64_t i = 0; i < count && at < summary.size; i++) {
        at += HEAD_SIZE + endian_read_u32(summary.data + at);
    }
    return at;
}

static int list_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                      struct buffer *out)
{
    int counts[2] = {walk_list(left, NULL), walk_list(right, NULL)};
    if (counts[0] < 0 || counts[1] < 0) {
        return ERROR_CORRUPT;
    }
    int64_t limit = (int64_t)parameter.number;
    size_t size = counts[0] < limit ? head_size(right, limit - counts[0]) : 0;
    if (left.size + size > LIST_SIZE_MAX) {
        return ERROR_TOO_LARGE;
    }
    buffer_add_bytes(out, left);
    buffer_add_bytes(out, bytes_make(right.data, size));
    return 0;
}

static int tell_collect(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                        struct buffer *json)
{
    (void)parameter;
    (void)span_ms;
    buffer_add_byte(json, '[');
    int count = walk_list(summary, json);
    buffer_add_byte(json, ']');
    return count < 0 ? count : 0;
}

static const struct summary_kind aggregator_list_kind = {
    .name = "list",
    .takes = SUMMARY_VALUES,
    .full = "the collected values pass 1 MiB; a lower limit keeps fewer",
    .add = list_add,
    .merge = list_merge};

const struct aggregator aggregator_list_rows[] = {{.name = "collect",
                                                   .argument = AGGREGATOR_PATH,
                                                   .parameter = {.name = "limit",
                                                                 .is_option = true,
                                                                 .is_integer = true,
                                                                 .is_kept = true,
                                                                 .min = 1,
                                                                 .max = LIST_LIMIT_MAX},
                                                   .summary = &aggregator_list_kind,
                                                   .tell = tell_collect},
                                                  {0}};
