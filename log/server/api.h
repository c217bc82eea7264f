/* The handlers: api_<name> serves one API, in a file of that name.
 *
 * A handler is called once with the decoded request and answers it now or later (request.h).
 * Thread: the server's shard. */
#pragma once

#include "log/server/request.h"

#define API(name, lowest, highest) void api_##name(struct request *request);
#include "log/server/apis.def"
#undef API

/* A version nobody knows: version 0 of the answer with UNSUPPORTED_VERSION and our ranges
 * (KIP-511). */
void api_versions_answer_unsupported(struct request *request);
/* Versions 0-2 are offered for old clients' sake only; see apis.def. */
void api_produce_answer_unsupported(struct request *request);
/* Lets fetches go on that waited for memory. */
void api_fetch_unpark(struct server *server);
/* Answers every long poll now. */
void api_fetch_stop(struct server *server);
