/* What compaction may have left of what a model remembers.
 *
 * Says for a batch that is read whether it is a rest of the one that was appended, and for one that
 * is not there whether it may be missing.
 *
 * Thread: one. */
#pragma once

#include "tests/world/store_model.h"

/* Whether `batch`, read from the log, is what may be left of batches[index]. */
bool store_rest_is_of(const struct store_model *model, size_t index, const struct batch *batch);
/* Whether nothing at all of batches[index] has to be there. */
bool store_rest_may_lack(const struct store_model *model, size_t index);
