/*
 * Doubly linked lists through links inside the elements: nothing is allocated, an element can be
 * in several lists, and leaves any of them in constant time. A list is a ring with a head.
 */
#ifndef KN_BASE_LIST_H
#define KN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct kn_link {
    struct kn_link *prev, *next;
};

static inline void kn_list_init(struct kn_link *head)
{
    head->prev = head->next = head;
}

static inline bool kn_list_empty(const struct kn_link *head)
{
    return head->next == head;
}

/* Before `at`: with the head for `at`, at the end. */
static inline void kn_list_add(struct kn_link *at, struct kn_link *link)
{
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}

static inline void kn_list_remove(struct kn_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
}

/* The struct whose `member` `link` is. */
#define KN_CONTAINER(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

#endif
