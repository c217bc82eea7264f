/* Whose quotas: a user, a client, both, or an address; by name, or whoever has no name of its own.
 *
 * Owns:   nothing.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

enum { QUOTA_CHOICE_PARTS = 3 }; /* user, client, address */

struct quota_choice_flags {
    const char *names[QUOTA_CHOICE_PARTS]; /* NULL: not given */
    bool is_default[QUOTA_CHOICE_PARTS];
    bool is_any[QUOTA_CHOICE_PARTS]; /* of those who ask */
};

/* The rows of a command whose values have a member `choice`. */
#define QUOTA_CHOICE_FLAGS(type)                                                                   \
    FLAG('u', "user", STRING, type, choice.names[0], "NAME", "of this user"),                      \
        FLAG(0, "user-default", BOOL, type, choice.is_default[0], NULL,                            \
             "of users without a quota of their own"),                                             \
        FLAG('c', "client", STRING, type, choice.names[1], "ID",                                   \
             "of clients with this client.id"),                                                    \
        FLAG(0, "client-default", BOOL, type, choice.is_default[1], NULL,                          \
             "of clients without a quota of their own"),                                           \
        FLAG('i', "ip", STRING, type, choice.names[2], "ADDRESS", "of an address"),                \
        FLAG(0, "ip-default", BOOL, type, choice.is_default[2], NULL,                              \
             "of addresses without a quota of their own")

/* What DescribeClientQuotas calls it: "user", "client-id", "ip". */
const char *quota_choice_type(size_t part);
/* COMMAND_OK, or COMMAND_MISUSED after a complaint about a part that is said twice. */
must_use int quota_choice_judge(struct command_world *world,
                                const struct quota_choice_flags *flags);
bool quota_choice_has(const struct quota_choice_flags *flags, size_t part);
bool quota_choice_is_empty(const struct quota_choice_flags *flags);
/* "user 'u', the default client-id", for sentences. */
void quota_choice_print(const struct quota_choice_flags *flags, struct buffer *out);
