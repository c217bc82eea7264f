/* What a database says of one address, as members of a JSON object.
 *
 * Thread: any. */
#pragma once

#include "connectors/shared/builder.h"

#include <maxminddb.h>
#include <stdbool.h>

struct finding_field;

enum finding_result { FINDING_WRITTEN, FINDING_NOTHING, FINDING_DAMAGED };

/* NULL when there is none of this name. */
const struct finding_field *finding_field_find(const char *name);
/* "country, city, …" */
void finding_list_fields(struct builder *out);
/* Appends the fields that the entry has, in their order, as one object; names in the language, or
 * in English when there is none. After anything but FINDING_WRITTEN `out` holds rubbish behind what
 * was there. */
enum finding_result finding_write(MMDB_entry_s *entry, const struct finding_field *const *fields,
                                  size_t count, const char *language, struct builder *out);
