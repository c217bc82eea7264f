/* Client properties of producers by the names that librdkafka and the Java client give them.
 * Thread: any. */
#pragma once

#include "runtime/cli/errand.h"
#include "runtime/client/producer.h"

enum { PRODUCER_PROPERTY_RECORD_MAX = 1 << 30 };

enum errand_property producer_property_take(struct producer_options *options, const char *name,
                                            const char *value);
