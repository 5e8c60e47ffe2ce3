/*
 * Growing arrays of one type.
 *
 *     KN_VEC(struct kn_word) words = {0};
 *     kn_vec_push(&words, word);
 *     for (int i = 0; i < words.count; i++) use(&words.at[i]);
 *     kn_vec_free(&words);
 *
 * `at` may move at every push. A named type for headers: `KN_VEC_TYPE(kn_words, struct kn_word);`
 */
#ifndef KN_BASE_VEC_H
#define KN_BASE_VEC_H

#include "base/memory.h"

#define KN_VEC(type)                                                                               \
    struct {                                                                                       \
        type *at;                                                                                  \
        int count, room;                                                                           \
    }
#define KN_VEC_TYPE(name, type)                                                                    \
    struct name {                                                                                  \
        type *at;                                                                                  \
        int count, room;                                                                           \
    }

#define kn_vec_reserve(vec, n)                                                                     \
    do {                                                                                           \
        if ((n) > (vec)->room) {                                                                   \
            (vec)->room = KN_MAX((n), (vec)->room ? (vec)->room * 2 : 16);                         \
            (vec)->at = kn_realloc((vec)->at, (size_t)(vec)->room, sizeof *(vec)->at);             \
        }                                                                                          \
    } while (0)
#define kn_vec_push(vec, value)                                                                    \
    do {                                                                                           \
        kn_vec_reserve((vec), (vec)->count + 1);                                                   \
        (vec)->at[(vec)->count++] = (value);                                                       \
    } while (0)
#define kn_vec_last(vec)  (&(vec)->at[(vec)->count - 1])
#define kn_vec_clear(vec) ((vec)->count = 0)
#define kn_vec_free(vec)                                                                           \
    do {                                                                                           \
        free((vec)->at);                                                                           \
        (vec)->at = NULL;                                                                          \
        (vec)->count = (vec)->room = 0;                                                            \
    } while (0)
/* Where in `rows`, sorted by `member`, the first is whose member is at least `least`; `count` when
 * there is none. */
#define kn_first_from(rows, count, member, least)                                                  \
    ({                                                                                             \
        __typeof__((rows)->member) least_ = (least);                                               \
        int low_ = 0, high_ = (count);                                                             \
        while (low_ < high_) {                                                                     \
            int middle_ = low_ + (high_ - low_) / 2;                                               \
            if ((rows)[middle_].member < least_)                                                   \
                low_ = middle_ + 1;                                                                \
            else                                                                                   \
                high_ = middle_;                                                                   \
        }                                                                                          \
        low_;                                                                                      \
    })
/* Copies the elements into an arena: the usual end of building a list. */
#define kn_vec_to_arena(vec, arena)                                                                \
    ((__typeof__((vec)->at))kn_arena_copy((arena), (vec)->at,                                      \
                                          (size_t)(vec)->count * sizeof *(vec)->at))

#endif
