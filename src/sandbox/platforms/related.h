/*
 * multipart/related (RFC 2387) as Google's uploads use it: a part of JSON, then the file, taken as
 * it comes in bounded memory.
 */
#ifndef KN_SANDBOX_RELATED_H
#define KN_SANDBOX_RELATED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "sandbox/platforms/boundary.h"

enum kn_related_at {
    KN_RELATED_PREAMBLE,
    KN_RELATED_MARK, /* behind a boundary */
    KN_RELATED_HEAD, /* of a part */
    KN_RELATED_JSON,
    KN_RELATED_FILE,
    KN_RELATED_END, /* the closing boundary was there; what follows counts for nothing */
    KN_RELATED_BAD,
};

struct kn_related {
    enum kn_related_at at;
    char mark[KN_BOUNDARY_BYTES]; /* before each part */
    int parts;                    /* whose head was there */
    struct kn_str held;
    struct kn_str json;
    char file_type[64];
};

/* False: that is no such type. */
bool kn_related_begin(struct kn_related *related, const char *content_type);
/* Hands what is of the file to `take`. False: it is malformed, or `take` gave false. */
bool kn_related_feed(struct kn_related *related, const void *data, size_t size,
                     bool (*take)(void *arg, const void *data, size_t size), void *arg);
void kn_related_free(struct kn_related *related);

#endif
