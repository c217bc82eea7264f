/* Turns values of people into values of parts: what the options of topics and brokers mean for
 * logs.
 *
 * Thread: any. */
#pragma once

#include "log/broker.h"
#include "log/meta/meta.h"
#include "log/store/store.h"

struct log_settings broker_settings_of_topic(const struct topic_options *options);
struct store_cleaner_options broker_settings_of_cleaner(const struct broker_options *options);
