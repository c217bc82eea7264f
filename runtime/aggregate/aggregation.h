/* Several aggregators as one: what their accumulator is, and their results as one JSON object.
 *
 * The accumulator is one summary for all aggregators that keep the same of the same path:
 *
 *     version 1           one byte
 *     layout              4 bytes, CRC-32C of what its summaries are of
 *     sizes               4 bytes of each summary
 *     summaries
 *
 * An accumulator of another layout is refused: the aggregate was changed.
 *
 * Owns:   copies of its fields.
 * Keeps:  fields in the order of their names; summaries in the order of the fields that brought
 *         them.
 * Thread: any; it is not changed after it was made. */
#pragma once

#include "log/base/report.h"
#include "runtime/aggregate/aggregator.h"

struct aggregation_field {
    const char *name; /* in the result */
    const struct aggregator *aggregator;
    const char *path;      /* or NULL */
    const char *condition; /* or NULL */
    double parameter;
    void *owner;    /* see summary_parameter; outlives the aggregation */
    size_t summary; /* the index of its summary; set here */
};

struct aggregation_summary {
    const struct summary_kind *kind;
    const struct aggregation_field *field; /* the first that asked for it */
    struct summary_parameter parameter;
};

struct aggregation {
    struct aggregation_field *fields;
    size_t field_count;
    struct aggregation_summary *summaries;
    size_t summary_count;
    uint32_t layout;
};

enum { AGGREGATION_FIELDS_MAX = 100, AGGREGATION_HEAD_SIZE = 5 };

/* Judges a field as a person wrote it but for the grammar of its path and condition; ERROR_INVALID
 * with the report filled. */
must_use int aggregation_validate(const struct aggregation_field *field, const char *place,
                                  struct report *report);
/* Of valid fields with names of their own, AGGREGATION_FIELDS_MAX at most. */
struct aggregation *aggregation_new(const struct aggregation_field *fields, size_t count);
void aggregation_free(struct aggregation *it);

/* The summaries of an accumulator, borrowed; all empty of a null one. ERROR_CORRUPT when it is
 * none, ERROR_INVALID when it is of another layout. */
must_use int aggregation_split(const struct aggregation *it, struct bytes accumulator,
                               struct bytes *summaries);
/* Begins an accumulator in `out`, cleared; then each summary is appended, in order, and ended. */
void aggregation_begin(const struct aggregation *it, struct buffer *out);
void aggregation_end_summary(struct buffer *out, size_t index, size_t start);
/* Appends the results as a JSON object, `window` being NULL or [start, end] in milliseconds. 0, or
 * what the aggregator of `failed` returned. */
must_use int aggregation_tell(const struct aggregation *it, const struct bytes *summaries,
                              const int64_t *window, struct buffer *json,
                              const struct aggregation_field **failed);
