/* One connection to one broker, for the calls of one lane: opens when there is something to send,
 * asks for the versions the broker speaks, and opens again after a failure.
 *
 * Owns:   the peer, and the calls that wait for it.
 * Keeps:  (1) calls are sent in the order of link_send;
 *         (2) each is finished exactly once, never inside link_send, unless it was cancelled;
 *         (3) after a failure the next attempt waits (backoff).
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/client.h"

struct link;

struct link *link_new(struct client *client, const char *address, int lane);
/* Its calls get ERROR_CANCELLED; `closed` is called on a later turn, then the memory is freed. */
void link_close(struct link *link, void (*closed)(void *owner, struct link *link), void *owner);
void link_send(struct link *link, struct client_call *call);
void link_cancel(struct link *link, struct client_call *call);
const char *link_address(const struct link *link);
int link_lane(const struct link *link);
bool link_is_ready(const struct link *link);
/* Whether the last attempt failed and the next one must not come yet. */
bool link_is_waiting(const struct link *link);
void link_check(const struct link *link);
