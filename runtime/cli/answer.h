/* What the HTTP port of a process answered, as JSON, for commands about what runs there.
 *
 * Owns:   the tokens. Texts live in the errand's arena.
 * Keeps:  after answer_ask returned COMMAND_OK `json` is an object.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/http_call.h"
#include "runtime/format/json.h"

#define ANSWER_HTTP_DEFAULT "127.0.0.1:8080"
struct answer_flags {
    const char *http; /* NULL: the default */
    const char *output;
};

/* The rows of a command whose values have a member `answer`. */
#define ANSWER_FLAGS(type)                                                                         \
    FLAG(0, "http", STRING, type, answer.http, "HOST:PORT",                                        \
         "the HTTP port of the process (default: " ANSWER_HTTP_DEFAULT ")"),                       \
        FLAG('o', "output", STRING, type, answer.output, "text|json", "how to print")

struct answer {
    struct errand *errand;
    struct bytes body;
    struct json json;
};

/* All of a command that asks once: `print` fills the errand's output for people, JSON is printed as
 * it came. */
must_use int answer_run(struct command_world *world, const struct answer_flags *flags,
                        const char *method, const char *path,
                        void (*print)(const struct answer *answer));
/* "/first/second/third", each part escaped, NULL the end; in a buffer of the caller. */
void answer_make_path(struct buffer *path, const char *const *parts);
/* `http`: NULL for the default. COMMAND_OK, or COMMAND_FAILED after a complaint: nobody answers, or
 * what the port says of a status that is not 200. */
must_use int answer_ask(struct answer *answer, struct errand *errand, const char *http,
                        const char *method, const char *path);
void answer_fini(struct answer *answer);
/* A member of an object; "" and 0 when it is not there, or something else. */
struct bytes answer_text(const struct answer *answer, uint32_t object, const char *name);
int64_t answer_number(const struct answer *answer, uint32_t object, const char *name);
/* The elements of a list that is a member; their count is 0 when there is none. */
uint32_t answer_list(const struct answer *answer, uint32_t object, const char *name,
                     uint32_t *count);
