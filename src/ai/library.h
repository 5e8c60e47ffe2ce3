/*
 * A look at a shared library before the system's loader is given it. The loader maps what the
 * headers promise and trusts it: with a file that was cut short it dies of SIGBUS, in the whole
 * program, instead of saying so. The file is treated as hostile; whatever its bytes are, the answer
 * is one sentence. Bytes that are wrong behind the headers are not noticed (`kirinuki doctor`
 * compares checksums).
 */
#ifndef KN_AI_LIBRARY_H
#define KN_AI_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#include <kirinuki/status.h>

/* Of the file's beginning, which holds all that is looked at. */
enum { KN_LIBRARY_HEAD_BYTES = 64 * 1024 };

/* DAMAGED: no ELF library, or some of what its headers promise lies beyond the file's end.
 * UNSUPPORTED: for another kind of machine. */
enum kn_status kn_library_check_head(const uint8_t *head, size_t head_size, int64_t file_size,
                                     struct kn_error *err);
/* The same for a file; the sentence names it. Others: it cannot be read. */
enum kn_status kn_library_check(const char *path, struct kn_error *err);

#endif
