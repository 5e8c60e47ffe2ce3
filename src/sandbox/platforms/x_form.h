/*
 * multipart/form-data (RFC 7578) with a segment of an upload to X, in memory: the segment's index
 * and its bytes, with a file's name or without. For the fuzzer, from any source.
 */
#ifndef KN_SANDBOX_X_FORM_H
#define KN_SANDBOX_X_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include <kirinuki/arena.h>

#include "sandbox/platforms/boundary.h"

struct kn_xapi_form {
    char mark[KN_BOUNDARY_BYTES]; /* before each part */
    const char *index;            /* NULL: it is not there */
    const unsigned char *data;    /* borrows the body; NULL */
    size_t size;
};

/* False: that is no such type. */
bool kn_xapi_form_begin(struct kn_xapi_form *form, const char *content_type);
/* NULL: it was read to its closing boundary; else a sentence on what is wrong. */
const char *kn_xapi_form_read(struct kn_xapi_form *form, const char *body, size_t size,
                              struct kn_arena *arena);

#endif
