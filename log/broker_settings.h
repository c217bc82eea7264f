/* Turns values of people into values of parts: listeners, and what a topic's options mean for its
 * logs. Thread: any. */
#pragma once

#include "log/broker.h"
#include "log/meta/meta.h"
#include "log/store/store.h"

struct log_settings broker_settings_of_topic(const struct topic_options *options);
struct store_cleaner_options broker_settings_of_cleaner(const struct broker_options *options);
/* "PLAINTEXT://host:9092,..." -> "host:9092" of the first, owned by the caller; NULL for none. */
char *broker_settings_first_address(const char *listeners);
/* The addresses to listen on: those of the settings, else of `listeners`, else ":9092". Owned by
 * the caller. */
void broker_settings_addresses(const struct broker_settings *settings, const char *listeners,
                               char *addresses[BROKER_LISTEN_MAX]);
