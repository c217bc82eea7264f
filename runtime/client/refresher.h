/* Asks for metadata: joins the wishes of a turn into one request, repeats it until a broker
 * answers, and asks again when what is known grows old.
 *
 * Owns:   the refreshes that wait; the catalog is its client's.
 * Keeps:  (1) one request at a time;
 *         (2) each refresh is called back exactly once, never inside refresher_add.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/catalog.h"
#include "runtime/client/client.h"

struct refresher;

struct refresher *refresher_new(struct client *client, struct catalog *catalog);
/* No call may be out: the client's links are closed before. What waits gets ERROR_CANCELLED. */
void refresher_free(struct refresher *refresher);
/* No more requests. */
void refresher_stop(struct refresher *refresher);
void refresher_add(struct refresher *refresher, struct client_refresh *refresh);
