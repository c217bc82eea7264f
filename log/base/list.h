/* A doubly linked list whose links live in its members.
 *
 * A zeroed link is in no list. Removing the current member inside list_each is allowed.
 * Thread: the owner's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list_link {
    struct list_link *next;
    struct list_link *previous;
};

/* The head of a list; the first member is `head.next`. */
struct list {
    struct list_link head;
};

#define list_member(link, type, field) ((type *)(void *)((char *)(link)-offsetof(type, field)))

/* for (list_each(list, link)) visits every link. */
#define list_each(list, link)                                                                      \
    struct list_link *link = (list)->head.next, *link##_next = link->next;                         \
    link != &(list)->head;                                                                         \
    link = link##_next, link##_next = link->next

static inline void list_init(struct list *list)
{
    list->head.next = list->head.previous = &list->head;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline bool list_has(const struct list_link *link)
{
    return link->next != NULL;
}

static inline void list_insert_before(struct list_link *place, struct list_link *link)
{
    link->next = place;
    link->previous = place->previous;
    place->previous->next = link;
    place->previous = link;
}

static inline void list_add(struct list *list, struct list_link *link)
{
    list_insert_before(&list->head, link);
}

static inline void list_add_first(struct list *list, struct list_link *link)
{
    list_insert_before(list->head.next, link);
}

/* Does nothing for a link that is in no list. */
static inline void list_remove(struct list_link *link)
{
    if (link->next == NULL) {
        return;
    }
    link->next->previous = link->previous;
    link->previous->next = link->next;
    link->next = link->previous = NULL;
}

/* The first link, removed; NULL when the list is empty. */
static inline struct list_link *list_take(struct list *list)
{
    if (list_is_empty(list)) {
        return NULL;
    }
    struct list_link *link = list->head.next;
    list_remove(link);
    return link;
}
