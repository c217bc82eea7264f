/* Which clients a subscription to client metrics is for (KIP-714):
 * "client_id=app.*,client_source_port=1".
 *
 * A list of NAME=PATTERN; all must fit, an empty list fits everybody. A pattern is a POSIX extended
 * regular expression for the whole text, at most 255 bytes, without counted repetition and back
 * references: what such cost grows with the pattern's size only.
 * Owns:   nothing.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"
#include "log/base/report.h"

enum client_match_name {
    CLIENT_MATCH_INSTANCE_ID,
    CLIENT_MATCH_ID,
    CLIENT_MATCH_SOFTWARE_NAME,
    CLIENT_MATCH_SOFTWARE_VERSION,
    CLIENT_MATCH_SOURCE_ADDRESS,
    CLIENT_MATCH_SOURCE_PORT,
    CLIENT_MATCH_NAMES
};

/* What is known of a client, each ending with NUL; NULL counts as empty. */
struct client_match_facts {
    const char *values[CLIENT_MATCH_NAMES];
};

/* ERROR_INVALID_CONFIG with a sentence when it is no such list. */
must_use int client_match_validate(const char *list, struct report *report);
/* Of a list that is valid. */
bool client_match_fits(const char *list, const struct client_match_facts *facts);
