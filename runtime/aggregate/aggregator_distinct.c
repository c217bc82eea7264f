/* How many different values: distinct.
 *
 * Values are told apart by a hash of 64 bits. The summary is
 *
 *     1, up to HASHES_MAX hashes, sorted, eight bytes each         exact
 *     2, 8,192 registers of six bits, in bytes from their low bit  HyperLogLog, standard error 1.1
 * %
 *
 * A register holds the largest place of the first bit that is set among the hashes that chose it by
 * their first bits; a list that is full is turned into registers, so that merging in any order
 * gives the same bytes. Source: Flajolet et al. 2007; the estimate is that of Ertl 2017
 * (arXiv:1702.01284), which needs no corrections. */
#include "log/base/error.h"
#include "log/base/hash.h"
#include "runtime/aggregate/aggregator.h"
#include "runtime/format/json_writer.h"
#include "runtime/format/scalar.h"

#include <math.h>

enum {
    FORM_LIST = 1,
    FORM_REGISTERS = 2,
    HASHES_MAX = 256,
    INDEX_BITS = 13,
    REGISTERS = 1 << INDEX_BITS,
    REGISTER_BITS = 6,
    RANK_MAX = 64 - INDEX_BITS + 1,
    REGISTERS_SIZE = REGISTERS * REGISTER_BITS / 8,
};

static bool is_list(struct bytes summary)
{
    return summary.size > 0 && summary.data[0] == FORM_LIST;
}

static size_t hash_count(struct bytes summary)
{
    return is_list(summary) ? (summary.size - 1) / sizeof(uint64_t) : 0;
}

static uint64_t hash_at(struct bytes summary, size_t index)
{
    return endian_read_u64(summary.data + 1 + index * sizeof(uint64_t));
}

static unsigned register_at(const uint8_t *registers, uint32_t index)
{
    size_t bit = (size_t)index * REGISTER_BITS;
    const uint8_t *at = registers + bit / 8;
    unsigned word = at[0] | (bit % 8 > 8 - REGISTER_BITS ? (unsigned)at[1] << 8 : 0);
    return word >> bit % 8 & 63;
}

static void set_register(uint8_t *registers, uint32_t index, unsigned value)
{
    size_t bit = (size_t)index * REGISTER_BITS;
    uint8_t *at = registers + bit / 8;
    bool is_split = bit % 8 > 8 - REGISTER_BITS;
    unsigned word = at[0] | (is_split ? (unsigned)at[1] << 8 : 0);
    word = (word & ~(63u << bit % 8)) | value << bit % 8;
    at[0] = (uint8_t)word;
    if (is_split) {
        at[1] = (uint8_t)(word >> 8);
    }
}

static void raise_register(uint8_t *registers, uint32_t index, unsigned value)
{
    if (register_at(registers, index) < value) {
        set_register(registers, index, value);
    }
}

static void mark_hash(uint8_t *registers, uint64_t hash)
{
    uint64_t rest = hash << INDEX_BITS | UINT64_C(1) << (INDEX_BITS - 1);
    raise_register(registers, (uint32_t)(hash >> (64 - INDEX_BITS)),
                   (unsigned)__builtin_clzll(rest) + 1);
}

/* What the functions below need to stay inside the summary. */
static int validate_size(struct bytes summary)
{
    size_t count = hash_count(summary);
    bool is_good =
        summary.size == 0 ||
        (is_list(summary) && count <= HASHES_MAX && summary.size == 1 + count * sizeof(uint64_t)) ||
        (summary.data[0] == FORM_REGISTERS && summary.size == 1 + REGISTERS_SIZE);
    return is_good ? 0 : ERROR_CORRUPT;
}

static int validate(struct bytes summary)
{
    int error = validate_size(summary);
    for (size_t i = 1; error == 0 && i < hash_count(summary); i++) {
        error = hash_at(summary, i - 1) < hash_at(summary, i) ? 0 : ERROR_CORRUPT;
    }
    return error;
}

/* Appends registers with what the summary, which is good, has seen. */
static uint8_t *write_registers(struct bytes summary, struct buffer *out)
{
    if (summary.size > 0 && !is_list(summary)) {
        size_t before = out->size;
        buffer_add_bytes(out, summary);
        return out->data + before + 1;
    }
    buffer_add_byte(out, FORM_REGISTERS);
    uint8_t *registers = buffer_reserve(out, REGISTERS_SIZE);
    memset(registers, 0, REGISTERS_SIZE);
    out->size += REGISTERS_SIZE;
    for (size_t i = 0; i < hash_count(summary); i++) {
        mark_hash(registers, hash_at(summary, i));
    }
    return registers;
}

static size_t search_hash(struct bytes summary, uint64_t hash)
{
    size_t low = 0;
    size_t high = hash_count(summary);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (hash_at(summary, middle) < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void add_to_list(struct bytes summary, uint64_t hash, struct buffer *out)
{
    size_t at = search_hash(summary, hash);
    if (at < hash_count(summary) && hash_at(summary, at) == hash) {
        buffer_add_bytes(out, summary);
        return;
    }
    if (hash_count(summary) == HASHES_MAX) {
        mark_hash(write_registers(summary, out), hash);
        return;
    }
    size_t head = 1 + at * sizeof hash;
    if (summary.size == 0) {
        buffer_add_byte(out, FORM_LIST);
    } else {
        buffer_add(out, summary.data, head);
    }
    summary_put_integer(out, (int64_t)hash);
    if (summary.size > head) {
        buffer_add(out, summary.data + head, summary.size - head);
    }
}

static uint64_t hash_value(const struct summary_input *input)
{
    static const struct hash_secret secret = {{0x74696465, 0x6d696c6c}}; /* stored: for ever */
    struct buffer scratch;
    buffer_init(&scratch);
    uint64_t hash = hash_secure(&secret, scalar_text(input->json, input->token, &scratch)).words[0];
    buffer_fini(&scratch);
    return hash;
}

static int distinct_add(struct summary_parameter parameter, const struct summary_input *input,
                        struct bytes summary, struct buffer *out)
{
    (void)parameter;
    int error = validate_size(summary);
    if (error != 0) {
        return error;
    }
    uint64_t hash = hash_value(input);
    if (summary.size == 0 || is_list(summary)) {
        add_to_list(summary, hash, out);
    } else {
        mark_hash(write_registers(summary, out), hash);
    }
    return 0;
}

static size_t union_count(struct bytes left, struct bytes right)
{
    size_t count = hash_count(left);
    for (size_t i = 0; i < hash_count(right); i++) {
        size_t at = search_hash(left, hash_at(right, i));
        count += at == hash_count(left) || hash_at(left, at) != hash_at(right, i);
    }
    return count;
}

static void merge_lists(struct bytes left, struct bytes right, struct buffer *out)
{
    size_t at = 0;
    size_t other = 0;
    buffer_add_byte(out, FORM_LIST);
    while (at < hash_count(left) || other < hash_count(right)) {
        uint64_t a = at < hash_count(left) ? hash_at(left, at) : UINT64_MAX;
        uint64_t b = other < hash_count(right) ? hash_at(right, other) : UINT64_MAX;
        summary_put_integer(out, (int64_t)(a < b ? a : b));
        at += at < hash_count(left) && a <= b;
        other += other < hash_count(right) && b <= a;
    }
}

static int distinct_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                          struct buffer *out)
{
    (void)parameter;
    int error = validate(left);
    error = error == 0 ? validate(right) : error;
    if (error != 0 || left.size == 0 || right.size == 0) {
        buffer_add_bytes(out, left.size == 0 ? right : left);
        return error;
    }
    if (is_list(left) && is_list(right) && union_count(left, right) <= HASHES_MAX) {
        merge_lists(left, right, out);
        return 0;
    }
    uint8_t *registers = write_registers(left, out);
    for (size_t i = 0; i < hash_count(right); i++) {
        mark_hash(registers, hash_at(right, i));
    }
    for (uint32_t i = 0; !is_list(right) && i < REGISTERS; i++) {
        raise_register(registers, i, register_at(right.data + 1, i));
    }
    return 0;
}

static double sigma(double x)
{
    double weight = 1;
    double sum = x;
    double before = -1;
    while (x < 1 && sum != before) {
        x *= x;
        before = sum;
        sum += x * weight;
        weight += weight;
    }
    return x < 1 ? sum : INFINITY;
}

static double tau(double x)
{
    double weight = 1;
    double sum = 1 - x;
    double before = -1;
    if (x <= 0 || x >= 1) {
        return 0;
    }
    while (sum != before) {
        x = sqrt(x);
        before = sum;
        weight *= 0.5;
        sum -= (1 - x) * (1 - x) * weight;
    }
    return sum / 3;
}

/* Ertl, algorithm 6. */
static double estimate(const uint8_t *registers)
{
    const double count = REGISTERS;
    int ranks[RANK_MAX + 1] = {0};
    for (uint32_t i = 0; i < REGISTERS; i++) {
        unsigned rank = register_at(registers, i);
        ranks[rank < RANK_MAX ? rank : RANK_MAX]++;
    }
    double z = count * tau(1 - ranks[RANK_MAX] / count);
    for (int rank = RANK_MAX - 1; rank > 0; rank--) {
        z = 0.5 * (z + ranks[rank]);
    }
    z += count * sigma(ranks[0] / count);
    return fmin(0.72134752044448170368 * count * count / z, 1e18);
}

static int tell_distinct(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                         struct buffer *json)
{
    (void)parameter;
    (void)span_ms;
    int error = validate(summary);
    if (error != 0) {
        return error;
    }
    bool is_exact = summary.size == 0 || is_list(summary);
    json_writer_int64(json, is_exact ? (int64_t)hash_count(summary)
                                     : llround(estimate(summary.data + 1)));
    return 0;
}

static const struct summary_kind aggregator_distinct_kind = {
    .name = "distinct", .takes = SUMMARY_SCALARS, .add = distinct_add, .merge = distinct_merge};

const struct aggregator aggregator_distinct_rows[] = {{.name = "distinct",
                                                       .argument = AGGREGATOR_PATH,
                                                       .summary = &aggregator_distinct_kind,
                                                       .tell = tell_distinct},
                                                      {0}};
