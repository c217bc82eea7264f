/* Iterators that stay open while a store is written to, each with what it has to show: the keys of
 * a range as they were when it was opened. */
#pragma once

#include "runtime/state/kv.h"
#include "tests/unit/unit.h"

#include <stdio.h>

enum { ONLOOKER_COUNT = 4, ONLOOKER_KEYS = 40 };

struct onlooker {
    struct kv_iterator *iterator; /* NULL: not open */
    int model[ONLOOKER_KEYS];     /* 0: not there */
    int at;
    int to;
};

struct onlookers {
    struct onlooker one[ONLOOKER_COUNT];
};

static inline struct bytes onlooker_key(int index, char text[16])
{
    snprintf(text, 16, "k%02d", index);
    return bytes_from_string(text);
}

static inline void onlooker_open(struct onlooker *onlooker, struct kv *kv, const int *model,
                                 uint32_t random)
{
    char from_text[16];
    char to_text[16];
    int from = (int)(random % ONLOOKER_KEYS);
    int to = (int)(random / ONLOOKER_KEYS % (ONLOOKER_KEYS + 1));
    memcpy(onlooker->model, model, sizeof onlooker->model);
    onlooker->at = from;
    onlooker->to = to;
    onlooker->iterator =
        kv_iterate(kv, from == 0 ? (struct bytes){0} : onlooker_key(from, from_text),
                   to == ONLOOKER_KEYS ? (struct bytes){0} : onlooker_key(to, to_text));
}

static inline void onlooker_close(struct onlooker *onlooker)
{
    kv_iterator_free(onlooker->iterator);
    onlooker->iterator = NULL;
}

/* The index of what it showed; -1 at the end, which closes it. */
static inline int onlooker_look(struct onlooker *onlooker)
{
    char text[16];
    struct bytes key;
    struct bytes value;
    while (onlooker->at < onlooker->to && onlooker->model[onlooker->at] == 0) {
        onlooker->at++;
    }
    bool is_there = kv_iterator_next(onlooker->iterator, &key, &value);
    assert_int_equal(is_there, onlooker->at < onlooker->to);
    if (!is_there) {
        onlooker_close(onlooker);
        return -1;
    }
    int number = 0;
    assert_true(bytes_equal(key, onlooker_key(onlooker->at, text)));
    memcpy(&number, value.data, sizeof number);
    assert_int_equal(number, onlooker->model[onlooker->at]);
    return onlooker->at++;
}

/* Opens, looks or closes. The index of what was shown, or -1. */
static inline int onlookers_step(struct onlookers *onlookers, struct kv *kv, const int *model,
                                 uint32_t random)
{
    struct onlooker *onlooker = &onlookers->one[random % ONLOOKER_COUNT];
    random /= ONLOOKER_COUNT;
    if (onlooker->iterator == NULL) {
        onlooker_open(onlooker, kv, model, random);
        return -1;
    }
    if (random % 32 == 0) {
        onlooker_close(onlooker);
        return -1;
    }
    return onlooker_look(onlooker);
}

static inline void onlookers_close(struct onlookers *onlookers)
{
    for (int i = 0; i < ONLOOKER_COUNT; i++) {
        onlooker_close(&onlookers->one[i]);
    }
}
