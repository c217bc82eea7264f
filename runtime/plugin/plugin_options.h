/* What a person configured for a connector, judged against the kind's option table.
 *
 * Owns:   the values and every text in them.
 * Keeps:  values stand in the order of the table; each is well-formed and within `allowed`, its
 *         default, or unset; a required one is set.
 * Thread: any, one at a time. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/report.h"
#include "runtime/plugin/tidemill.h"

/* One line of a connector's configuration, borrowed. */
struct plugin_setting {
    const char *name;  /* the option's name or its Kafka Connect alias */
    const char *value; /* NULL leaves the option unset, whatever its default */
};

struct plugin_options;

/* An unknown name is an error that tells the nearest one; so are a name and its alias together, a
 * missing required option, and a value that does not fit. The caller has taken out the settings
 * that are the framework's own. The report's place is the option's name. */
must_use int plugin_options_parse(const struct tidemill_kind *kind,
                                  const struct plugin_setting *settings, size_t setting_count,
                                  struct plugin_options **out, struct report *report);
void plugin_options_free(struct plugin_options *options);
/* One per row of the table: what context->values points to. */
const struct tidemill_option_value *plugin_options_values(const struct plugin_options *options);
/* The row with this name or alias; NULL when there is none. */
const struct tidemill_option *plugin_options_find(const struct tidemill_kind *kind,
                                                  const char *name);
/* Whether one text fits one row; fills `report` when it does not. */
must_use int plugin_options_validate(const struct tidemill_option *option, const char *text,
                                     struct report *report);
