/* What can be set per topic: a plain value made from the rows of topic_options.def.
 *
 * Owns:   the strings in the struct; topic_options_fini frees them.
 * Keeps:  every value of an initialised struct passed its row and topic_options_validate.
 * Thread: any; the struct's. */
#pragma once

#include "log/base/map.h"
#include "log/base/option.h"

enum topic_options_compression {
    TOPIC_OPTIONS_COMPRESSION_PRODUCER,
    TOPIC_OPTIONS_COMPRESSION_NONE, /* from here on: one more than the codec of log/wire/compress.h
                                     */
    TOPIC_OPTIONS_COMPRESSION_GZIP,
    TOPIC_OPTIONS_COMPRESSION_SNAPPY,
    TOPIC_OPTIONS_COMPRESSION_LZ4,
    TOPIC_OPTIONS_COMPRESSION_ZSTD,
};

enum topic_options_timestamp { TOPIC_OPTIONS_CREATE_TIME, TOPIC_OPTIONS_LOG_APPEND_TIME };

struct topic_options {
#define OPTION OPTION_FIELD
#include "log/meta/topic_options.def"
#undef OPTION
};

extern const struct option_row topic_options_rows[];
extern const size_t topic_options_row_count;

/* NULL when there is no such option. */
const struct option_row *topic_options_find(const char *name);
void topic_options_init(struct topic_options *options);
void topic_options_fini(struct topic_options *options);
void topic_options_copy(const struct topic_options *from, struct topic_options *to);
/* Sets what the map (name to char *) holds over what is there. ERROR_INVALID_CONFIG with a sentence
 * for the first name or value that is refused, or when two values contradict each other; the struct
 * then holds a part of the values. */
must_use int topic_options_override(struct topic_options *options, const struct map *values,
                                    struct report *report);
bool topic_options_is_compacted(const struct topic_options *options);
bool topic_options_is_deleted(const struct topic_options *options);
