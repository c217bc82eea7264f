/* Finds the coordinator of one group or transactional id and remembers it.
 *
 * Owns:   the answer and the one request that is out.
 * Keeps:  (1) one search at a time;
 *         (2) `done` is called exactly once per search, on a later turn, unless it was stopped.
 * Thread: its client's shard.
 * Errors that heal are repeated by the caller, who knows how long. */
#pragma once

#include "log/wire/messages.h"
#include "runtime/client/client.h"

enum { LOCATOR_GROUP = 0, LOCATOR_TRANSACTION = 1 };

struct locator {
    struct client *client;
    int lane;
    struct bytes group; /* borrowed */
    int8_t key_type;    /* LOCATOR_GROUP, or LOCATOR_TRANSACTION set after init */
    int32_t node_id;    /* -1: not known */
    bool is_searching;
    struct client_call call;
    struct find_coordinator_request request;
    void (*done)(void *owner, int error);
    void *owner;
};

void locator_init(struct locator *locator, struct client *client, int lane, struct bytes group);
/* Stops the search without a word. */
void locator_fini(struct locator *locator);
/* Afterwards `node_id` is known, or `done` was told why not. */
void locator_search(struct locator *locator, void (*done)(void *owner, int error), void *owner);
/* Forgets the answer (NOT_COORDINATOR, a lost connection). */
void locator_expire(struct locator *locator);
/* Whether the error says that the coordinator must be looked for again. */
bool locator_is_misplaced(int error);
