/* See producer_property.h. */
#include "runtime/cli/producer_property.h"

#include "log/base/text.h"

#include <string.h>

static enum errand_property take_acks(struct producer_options *options, const char *value)
{
    int64_t number;
    bool is_all = strcmp(value, "all") == 0;
    if (!is_all && (text_parse_int64(value, &number) != 0 || number < -1 || number > 1)) {
        return ERRAND_PROPERTY_WRONG;
    }
    options->acks = (int16_t)(is_all ? -1 : number);
    options->is_idempotent = options->acks == -1;
    return ERRAND_PROPERTY_TAKEN;
}

enum errand_property producer_property_take(struct producer_options *options, const char *name,
                                            const char *value)
{
    int64_t number;
    bool is_number = text_parse_int64(value, &number) == 0;
    if (strcmp(name, "acks") == 0 || strcmp(name, "request.required.acks") == 0) {
        return take_acks(options, value);
    }
    if (strcmp(name, "compression.codec") == 0 || strcmp(name, "compression.type") == 0) {
        return errand_property_of(compress_codec_parse(value, &options->codec) == 0);
    }
    if (strcmp(name, "linger.ms") == 0 || strcmp(name, "queue.buffering.max.ms") == 0) {
        options->linger_ns = is_number ? number * 1000000 : 0;
        return errand_property_of(is_number && number >= 0 && number <= 60000);
    }
    if (strcmp(name, "batch.size") == 0 || strcmp(name, "message.max.bytes") == 0) {
        bool is_sane = is_number && number > 0 && number <= PRODUCER_PROPERTY_RECORD_MAX;
        size_t *field = name[0] == 'b' ? &options->batch_size : &options->request_size_max;
        *field = is_sane ? (size_t)number : *field;
        return errand_property_of(is_sane);
    }
    if (strcmp(name, "delivery.timeout.ms") == 0 || strcmp(name, "message.timeout.ms") == 0) {
        bool is_sane = is_number && number >= 0 && number <= INT32_MAX;
        options->delivery_timeout_ms = is_sane ? number : options->delivery_timeout_ms;
        return errand_property_of(is_sane);
    }
    if (strcmp(name, "enable.idempotence") == 0) {
        return errand_property_of(text_parse_bool(value, &options->is_idempotent) == 0);
    }
    return ERRAND_PROPERTY_UNKNOWN;
}
