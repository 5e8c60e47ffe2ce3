/*
 * One line of JSON, filled up with spaces to one sector, and written over itself under the file's
 * lock: a process that is killed leaves the old line or the new one, the file keeps its inode,
 * which the lock belongs to, and no reservation waits for a disk. Fields that are not known are
 * passed over: older versions wrote more of them.
 */
#include "ai/budget_day.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

enum { RECORD_BYTES = 512, LOCK_TRIES = 180, LOCK_TRY_MS = 5 /* less than a second */ };

void kn_day_name(int64_t wall_us, char ret_name[KN_DAY_NAME_BYTES])
{
    char text[KN_TIME_TEXT_BYTES];
    snprintf(ret_name, KN_DAY_NAME_BYTES, "%.10s", kn_time_iso(wall_us, text));
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* Others hold it for microseconds; one that was stopped while it did must not stop everybody. */
static enum kn_status lock_file(const char *path, int *ret_fd, struct kn_error *err)
{
    enum kn_status status = KN_LOST;
    for (int i = 0; i < LOCK_TRIES && status == KN_LOST; i++) {
        if (i)
            (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_TRY_MS * 1000000L}, NULL);
        status = kn_file_lock(path, ret_fd, err);
    }
    return status;
}

static bool get_amount(const json_t *json, const char *name, int64_t *amount)
{
    const json_t *value = json_object_get(json, name);
    *amount = json_integer_value(value);
    return json_is_integer(value) && *amount >= 0 && *amount < INT64_MAX / 4;
}

static bool get_account(const json_t *json, const char *name, struct kn_account *account)
{
    const json_t *part = json_object_get(json, name);
    return get_amount(part, "usd_nano", &account->usd_nano) &&
           get_amount(part, "tokens", &account->tokens);
}

static bool parse_day(const char *text, size_t size, struct kn_day *day)
{
    KN_SCOPED_JSON json = json_loadb(text, size, 0, NULL);
    return get_account(json, "used", &day->used) && get_account(json, "reserved", &day->reserved);
}

static enum kn_status read_day(int fd, const char *path, struct kn_day *day, struct kn_error *err)
{
    char text[RECORD_BYTES + 1]; /* a longer one is none */
    *day = (struct kn_day){0};
    ssize_t got = pread(fd, text, sizeof text, 0);
    if (got < 0)
        return kn_error_errno(err, errno, "cannot read %s", path);
    if (got == 0 || (got == RECORD_BYTES && parse_day(text, (size_t)got, day)))
        return KN_OK;
    return kn_error_set(err, KN_DAMAGED,
                        "%s, where the day's spending on services is written down, is damaged: "
                        "remove it to begin this day's budget anew",
                        path);
}

static enum kn_status write_day(int fd, const char *path, const struct kn_day *day,
                                struct kn_error *err)
{
    char text[RECORD_BYTES + 1];
    int length =
        snprintf(text, sizeof text,
                 "{\"used\":{\"usd_nano\":%lld,\"tokens\":%lld},\"reserved\":{\"usd_nano\":%lld,"
                 "\"tokens\":%lld}}",
                 (long long)day->used.usd_nano, (long long)day->used.tokens,
                 (long long)day->reserved.usd_nano, (long long)day->reserved.tokens);
    if (length >= RECORD_BYTES)
        return kn_error_set(err, KN_INTERNAL, "an account of a day is too long for %s", path);
    memset(text + length, ' ', (size_t)(RECORD_BYTES - 1 - length));
    text[RECORD_BYTES - 1] = '\n';
    ssize_t put = pwrite(fd, text, RECORD_BYTES, 0);
    if (put != RECORD_BYTES)
        return kn_error_errno(err, put < 0 ? errno : ENOSPC, "cannot write %s", path);
    return KN_OK;
}

enum kn_status kn_day_change(const char *folder, const char *name,
                             enum kn_status (*change)(void *arg, struct kn_day *day,
                                                      struct kn_error *err),
                             void *arg, struct kn_error *err)
{
    KN_SCOPED_STR path = {0};
    kn_str_printf(&path, "%s/%s.json", folder, name);
    __attribute__((cleanup(close_fd))) int fd = -1;
    struct kn_day day;
    enum kn_status status = kn_folder_make(folder, err);
    if (status == KN_OK)
        status = lock_file(path.at, &fd, err);
    if (status == KN_OK)
        status = read_day(fd, path.at, &day, err);
    if (status == KN_OK)
        status = change(arg, &day, err);
    return status == KN_OK ? write_day(fd, path.at, &day, err) : status;
}
