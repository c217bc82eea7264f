/* Where a value lies in a JSON record, as people write it: $  $.client.ip  $.hops[0]
 *
 * Owns:   copies of its names.
 * Thread: any, once parsed. */
#pragma once

#include "connectors/shared/json.h"

struct trail {
    struct trail_step *steps;
    size_t step_count;
};

/* False when the text is no such path. */
bool trail_init(struct trail *trail, const char *text);
void trail_fini(struct trail *trail);
/* False when there is nothing. */
bool trail_find(const struct trail *trail, struct json_value root, struct json_value *out);
