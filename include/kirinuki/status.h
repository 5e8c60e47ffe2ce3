/*
 * Outcomes and errors.
 *
 * A function that can fail returns `enum kn_status` and takes `struct kn_error *err` last.
 * `err` is a fixed-size value on the caller's stack: it holds the status and one sentence that
 * is fit to show to a user. Passing NULL is allowed and drops the sentence. Results written
 * through `ret_…` parameters change only on KN_OK.
 *
 * Success, end, cancelled and failed are distinct outcomes: a user's stop is not an alarm, and
 * neither is the end of a stream.
 */
#ifndef KIRINUKI_STATUS_H
#define KIRINUKI_STATUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define KN_STATUS_TABLE(X)                                                                        \
    /* name         HTTP   retry  meaning */                                                      \
    X(OK,           200,   false, "success")                                                      \
    X(END,          204,   false, "nothing more to read")                                         \
    X(CANCELLED,    499,   false, "stopped by request")                                           \
    X(INVALID,      400,   false, "the request or an option is wrong")                            \
    X(NOT_FOUND,    404,   false, "there is no such thing")                                       \
    X(DENIED,       403,   false, "not permitted")                                                \
    X(LIMIT,        413,   false, "over a set limit")                                             \
    X(DAMAGED,      422,   false, "the data is damaged or not what it claims to be")              \
    X(UNSUPPORTED,  415,   false, "known, but not supported here")                                \
    X(MISSING,      424,   false, "something that has to be installed is missing")                \
    X(IO,           500,   true,  "reading or writing failed")                                    \
    X(NO_SPACE,     507,   true,  "the disk is full")                                             \
    X(TIMEOUT,      504,   true,  "took longer than its limit")                                   \
    X(REMOTE,       502,   true,  "a remote service failed")                                      \
    X(LOST,         409,   true,  "somebody else may hold this now")                              \
    X(INTERNAL,     500,   false, "kirinuki itself failed")
/* clang-format on */

#define KN_STATUS_ENUM(name, http, retry, meaning) KN_##name,
enum kn_status { KN_STATUS_TABLE(KN_STATUS_ENUM) KN_STATUS_COUNT };
#undef KN_STATUS_ENUM

enum { KN_ERROR_TEXT_BYTES = 480 };

/* The status and one sentence, without a final full stop and without a newline. */
struct kn_error {
    enum kn_status status;
    char text[KN_ERROR_TEXT_BYTES];
};

const char *kn_status_name(enum kn_status status);    /* "NO_SPACE"; never NULL */
const char *kn_status_meaning(enum kn_status status); /* "the disk is full" */
int kn_status_http(enum kn_status status);            /* an HTTP status code */
bool kn_status_retryable(enum kn_status status);      /* may the same call succeed later? */

/* Sets status and sentence; returns `status`, so that `return kn_error_set(…)` reads well. */
enum kn_status kn_error_set(struct kn_error *err, enum kn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets the sentence from errno: "cannot open x.mp4: No such file or directory". The status
 * follows from errno (ENOENT: NOT_FOUND, EACCES: DENIED, ENOSPC: NO_SPACE, else IO). */
enum kn_status kn_error_errno(struct kn_error *err, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts what this layer alone knows before the sentence: "clip 3: <sentence>". Returns err's
 * status; with a NULL err it returns KN_INTERNAL, so prefer a real one. */
enum kn_status kn_error_add(struct kn_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The sentence, or the status's meaning where nothing was set. */
const char *kn_error_text(const struct kn_error *err);

#ifdef __cplusplus
}
#endif
#endif
