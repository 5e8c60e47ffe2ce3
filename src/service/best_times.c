#include "service/best_times.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "model/post.h"

enum {
    DAY_MINUTES = 24 * 60,
    APART_MINUTES = (int)(2 * KN_SLOT_HALF_US / (60 * KN_US_PER_S)), /* else one hides the other */
    DAYS_LOOKED_AT = 8,
};

/* ---- reading ---- */

/* A part of the text between two semicolons. */
struct part {
    const char *where; /* "youtube", "x:work" */
    size_t where_length;
    const char *times;
    size_t times_length;
};

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

static size_t trimmed(const char *at, const char *end)
{
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return (size_t)(end - at);
}

/* False: there are no more. */
static bool next_part(const char **at, struct part *ret_part)
{
    const char *from = *at;
    if (!from)
        return false;
    const char *end = from + strcspn(from, ";");
    const char *equals = memchr(from, '=', (size_t)(end - from));
    *at = *end ? end + 1 : NULL;
    from = skip_blanks(from, end);
    *ret_part = (struct part){.where = from,
                              .where_length = equals ? trimmed(from, equals) : 0,
                              .times = skip_blanks(equals ? equals + 1 : from, end)};
    ret_part->times_length = trimmed(ret_part->times, end);
    return true;
}

/* "9:05", "18:00"; -1: it is none. */
static int read_minute(const char *at, size_t length)
{
    size_t hours = 0;
    while (hours < length && at[hours] >= '0' && at[hours] <= '9')
        hours++;
    if (hours < 1 || hours > 2 || length != hours + 3 || at[hours] != ':')
        return -1;
    const char *minute = at + hours + 1;
    if (minute[0] < '0' || minute[0] > '5' || minute[1] < '0' || minute[1] > '9')
        return -1;
    int hour = hours == 1 ? at[0] - '0' : (at[0] - '0') * 10 + at[1] - '0';
    return hour < 24 ? hour * 60 + (minute[0] - '0') * 10 + minute[1] - '0' : -1;
}

/* In its place among the others. */
static void add_minute(struct kn_best_times *times, int minute)
{
    int at = times->count++;
    for (; at > 0 && times->minutes[at - 1] > minute; at--)
        times->minutes[at] = times->minutes[at - 1];
    times->minutes[at] = minute;
}

static enum kn_status check_apart(const struct kn_best_times *times, struct kn_error *err)
{
    for (int i = 0; i < times->count && times->count > 1; i++) {
        int next = i + 1 < times->count ? times->minutes[i + 1] : times->minutes[0] + DAY_MINUTES;
        if (next - times->minutes[i] < APART_MINUTES)
            return kn_error_set(err, KN_INVALID,
                                "%02d:%02d and %02d:%02d: best times lie %d minutes apart at least",
                                times->minutes[i] / 60, times->minutes[i] % 60,
                                next % DAY_MINUTES / 60, next % 60, APART_MINUTES);
    }
    return KN_OK;
}

static enum kn_status read_times(const struct part *part, struct kn_best_times *ret_times,
                                 struct kn_error *err)
{
    struct kn_best_times times = {0};
    const char *end = part->times + part->times_length;
    for (const char *at = part->times;; at++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        at = skip_blanks(at, stop);
        size_t length = trimmed(at, stop);
        int minute = read_minute(at, length);
        if (minute < 0)
            return kn_error_set(err, KN_INVALID, "“%.*s” is no time of day such as 09:00 or 18:30",
                                (int)KN_MIN(length, 40), at);
        if (times.count == KN_BEST_TIMES_MAX)
            return kn_error_set(err, KN_INVALID, "more than %d best times a day",
                                KN_BEST_TIMES_MAX);
        add_minute(&times, minute);
        if (!comma)
            break;
        at = comma;
    }
    *ret_times = times;
    return check_apart(&times, err);
}

/* ---- whose they are ---- */

static bool is_named(const struct part *part, const char *name, const char *account)
{
    size_t length = strlen(name);
    if (part->where_length < length || strncmp(part->where, name, length) != 0)
        return false;
    if (!account)
        return part->where_length == length;
    return part->where_length == length + 1 + strlen(account) && part->where[length] == ':' &&
           strncmp(part->where + length + 1, account, strlen(account)) == 0;
}

static enum kn_status check_where(const struct part *part, struct kn_error *err)
{
    size_t length = 0;
    while (length < part->where_length && part->where[length] != ':')
        length++;
    for (const struct kn_platform *const *at = kn_platforms(); *at; at++)
        if (strlen((*at)->name) == length && strncmp((*at)->name, part->where, length) == 0)
            return KN_OK;
    return kn_error_set(err, KN_INVALID,
                        "“%.*s” is no platform: a part of best times begins with youtube=, "
                        "tiktok=, instagram=, x=, folder= or webhook=, or with its times",
                        (int)KN_MIN(part->where_length, 40), part->where);
}

enum kn_status kn_best_times_check(const char *text, struct kn_error *err)
{
    struct part part;
    struct kn_best_times times;
    for (const char *at = text; next_part(&at, &part);) {
        enum kn_status status =
            part.where_length || part.times != part.where ? check_where(&part, err) : KN_OK;
        if (status == KN_OK)
            status = read_times(&part, &times, err);
        if (status != KN_OK)
            return status;
    }
    return KN_OK;
}

struct kn_best_times kn_best_times_of(const char *text, const struct kn_platform *platform,
                                      const char *account)
{
    static const char usual[] = "09:00,12:30,18:00";
    enum { NONE, ALL, PLATFORM, ACCOUNT } best = NONE, rank;
    struct kn_best_times found = {0};
    struct kn_error ignored;
    struct part part, chosen = {.times = usual, .times_length = strlen(usual)};
    if (platform->best_times)
        chosen = (struct part){.times = platform->best_times,
                               .times_length = strlen(platform->best_times)};
    for (const char *at = text; next_part(&at, &part);) {
        rank = is_named(&part, platform->name, account) ? ACCOUNT
               : is_named(&part, platform->name, NULL)  ? PLATFORM
               : !part.where_length                     ? ALL
                                                        : NONE;
        if (rank <= best)
            continue;
        best = rank;
        chosen = part;
    }
    (void)read_times(&chosen, &found, &ignored); /* it was checked */
    return found;
}

/* ---- when they are ---- */

/* The moment on the day so many days after `day` at which the clock shows it first; -1: never. */
static time_t moment(const struct tm *day, int days, int minute)
{
    static const int back_s[] = {7200, 3600, 1800}; /* by which clocks are set back, and were */
    struct tm at = {
        .tm_year = day->tm_year,
        .tm_mon = day->tm_mon,
        .tm_mday = day->tm_mday + days,
        .tm_hour = minute / 60,
        .tm_min = minute % 60,
        .tm_isdst = -1,
    };
    time_t found = mktime(&at);
    if (found == (time_t)-1 || at.tm_hour * 60 + at.tm_min != minute)
        return -1;
    for (size_t i = 0; i < KN_COUNT_OF(back_s); i++) {
        time_t earlier = found - back_s[i];
        struct tm shown;
        if (localtime_r(&earlier, &shown) && shown.tm_hour == at.tm_hour &&
            shown.tm_min == at.tm_min)
            return earlier;
    }
    return found;
}

int64_t kn_best_times_next(const void *arg, int64_t after_us)
{
    const struct kn_best_times *times = arg;
    time_t after = (time_t)(after_us / KN_US_PER_S);
    struct tm day;
    if (!localtime_r(&after, &day))
        return -1;
    for (int days = 0; days < DAYS_LOOKED_AT; days++)
        for (int i = 0; i < times->count; i++) {
            time_t at = moment(&day, days, times->minutes[i]);
            if (at >= 0 && at * KN_US_PER_S > after_us)
                return at * KN_US_PER_S;
        }
    return -1;
}
