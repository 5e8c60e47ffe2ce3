#include <kirinuki/status.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct {
    const char *name;
    const char *meaning;
    int http;
    bool retryable;
} status_table[KN_STATUS_COUNT] = {
#define KN_STATUS_ROW(name, http, retry, meaning) [KN_##name] = {#name, meaning, http, retry},
    KN_STATUS_TABLE(KN_STATUS_ROW)
#undef KN_STATUS_ROW
};

static enum kn_status known(enum kn_status status)
{
    return (unsigned)status < KN_STATUS_COUNT ? status : KN_INTERNAL;
}

const char *kn_status_name(enum kn_status status)
{
    return status_table[known(status)].name;
}

const char *kn_status_meaning(enum kn_status status)
{
    return status_table[known(status)].meaning;
}

int kn_status_http(enum kn_status status)
{
    return status_table[known(status)].http;
}

bool kn_status_retryable(enum kn_status status)
{
    return status_table[known(status)].retryable;
}

enum kn_status kn_error_set(struct kn_error *err, enum kn_status status, const char *format, ...)
{
    if (!err)
        return status;
    /* Written aside first: an argument may be this error's own text. */
    struct kn_error made = {.status = status};
    va_list args;
    va_start(args, format);
    vsnprintf(made.text, sizeof made.text, format, args);
    va_end(args);
    kn_utf8_trim(made.text);
    *err = made;
    return status;
}

static enum kn_status status_of_errno(int value)
{
    switch (value) {
    case ENOENT:
    case ENOTDIR:
        return KN_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return KN_DENIED;
    case ENOSPC:
    case EDQUOT:
        return KN_NO_SPACE;
    case EFBIG: /* `ulimit -f`, or more than the file system takes in one file */
        return KN_LIMIT;
    case ENAMETOOLONG:
        return KN_INVALID;
    case ETIMEDOUT:
        return KN_TIMEOUT;
    default:
        return KN_IO;
    }
}

enum kn_status kn_error_errno(struct kn_error *err, int errno_value, const char *format, ...)
{
    enum kn_status status = status_of_errno(errno_value);
    if (!err)
        return status;
    char what[KN_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    char reason[128];
    return kn_error_set(err, status, "%s: %s", what,
                        strerror_r(errno_value, reason, sizeof reason));
}

enum kn_status kn_error_add(struct kn_error *err, const char *format, ...)
{
    if (!err)
        return KN_INTERNAL;
    char what[KN_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return kn_error_set(err, err->status, "%s: %s", what, kn_error_text(err));
}

const char *kn_error_text(const struct kn_error *err)
{
    if (!err)
        return "";
    return err->text[0] ? err->text : kn_status_meaning(err->status);
}
