/* A list of findings with their advice: what the doctor fills, printed as lines or as JSON.
 *
 * Owns:   its text.
 * Thread: the main thread. */
#pragma once

#include "log/base/bytes.h"

enum diagnosis_grade { DIAGNOSIS_OK, DIAGNOSIS_NOTE, DIAGNOSIS_WRONG };

struct diagnosis {
    struct buffer out;
    bool is_json;
    int counts[DIAGNOSIS_WRONG + 1];
};

void diagnosis_init(struct diagnosis *diagnosis, bool is_json);
void diagnosis_fini(struct diagnosis *diagnosis);
/* `advice` may be NULL: nothing is to be changed. */
__attribute__((format(printf, 5, 6))) void diagnosis_add(struct diagnosis *diagnosis,
                                                         enum diagnosis_grade grade,
                                                         const char *subject, const char *advice,
                                                         const char *format, ...);
/* Text between findings, of people alone. */
void diagnosis_add_text(struct diagnosis *diagnosis, struct bytes text);
/* Closes the list; `out` is complete. */
void diagnosis_finish(struct diagnosis *diagnosis);
