#include "service/settings_queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "model/job.h"

/* ---- priorities ---- */

static const struct {
    const char *name;
    enum kn_priority priority;
} priorities[] = {
    {"low", KN_PRIORITY_LOW}, {"normal", KN_PRIORITY_NORMAL}, {"high", KN_PRIORITY_HIGH}};

int kn_priority_level(int priority, int levels)
{
    return priority == KN_PRIORITY_LOW      ? 0
           : priority == KN_PRIORITY_NORMAL ? (levels - 1) / 2
           : priority == KN_PRIORITY_HIGH   ? levels - 1
                                            : priority;
}

const char *kn_priority_text(int level, int levels, char room[KN_PRIORITY_TEXT_BYTES])
{
    for (size_t i = 0; i < KN_COUNT_OF(priorities); i++)
        if (kn_priority_level(priorities[i].priority, levels) == level)
            return priorities[i].name;
    snprintf(room, KN_PRIORITY_TEXT_BYTES, "%d", level);
    return room;
}

enum kn_status kn_parse_priority(const struct kn_option *option, const char *value, void *field,
                                 struct kn_arena *arena, struct kn_error *err)
{
    (void)arena;
    long long level;
    for (size_t i = 0; i < KN_COUNT_OF(priorities); i++)
        if (strcmp(value, priorities[i].name) == 0) {
            *(int *)field = priorities[i].priority;
            return KN_OK;
        }
    if (!kn_parse_int(value, 0, KN_LEVELS_MAX - 1, &level))
        return kn_error_set(err, KN_INVALID,
                            "--%s takes low, normal or high, or the number of a level, not “%.60s”",
                            option->name, value);
    *(int *)field = (int)level;
    return KN_OK;
}

void kn_print_priority(const struct kn_option *option, const void *field, struct kn_str *out)
{
    (void)option;
    int priority = *(const int *)field;
    for (size_t i = 0; i < KN_COUNT_OF(priorities); i++)
        if (priorities[i].priority == priority) {
            kn_str_add(out, priorities[i].name);
            return;
        }
    kn_str_printf(out, "%d", priority);
}

/* ---- times ---- */

/* "+2h", "+90s" */
static bool parse_from_now(const char *value, int64_t now_us, int64_t *ret_us)
{
    static const struct {
        char unit;
        int64_t us;
    } units[] = {{'s', KN_US_PER_S},
                 {'m', 60 * KN_US_PER_S},
                 {'h', 3600 * KN_US_PER_S},
                 {'d', 86400 * KN_US_PER_S}};
    size_t length = strlen(value);
    char number[16];
    long long count;
    if (value[0] != '+' || length < 3 || length - 2 >= sizeof number)
        return false;
    memcpy(number, value + 1, length - 2);
    number[length - 2] = '\0';
    if (!kn_parse_int(number, 0, 1000000, &count))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].unit == value[length - 1]) {
            *ret_us = now_us + count * units[i].us;
            return true;
        }
    return false;
}

/* "14:30": the next time that the clock shows it. "2027-01-31 14:30", also with a T between. */
static bool parse_clock(const char *value, int64_t now_us, int64_t *ret_us)
{
    time_t now = (time_t)(now_us / KN_US_PER_S);
    struct tm at = {.tm_isdst = -1};
    const char *end = strptime(value, "%Y-%m-%d", &at);
    bool dated = end && (*end == ' ' || *end == 'T');
    if (!dated && !localtime_r(&now, &at))
        return false;
    end = strptime(dated ? end + 1 : value, "%H:%M", &at);
    if (!end || *end)
        return false;
    at.tm_sec = 0;
    at.tm_isdst = -1;
    struct tm wanted = at;
    time_t found = mktime(&at);
    if (found == (time_t)-1)
        return false;
    /* mktime turns February 30 into March 2. */
    if (dated && (at.tm_mday != wanted.tm_mday || at.tm_mon != wanted.tm_mon))
        return false;
    if (!dated && found <= now) {
        wanted.tm_mday++;
        found = mktime(&wanted);
    }
    *ret_us = found * KN_US_PER_S;
    return true;
}

enum kn_status kn_parse_at(const struct kn_option *option, const char *value, void *field,
                           struct kn_arena *arena, struct kn_error *err)
{
    (void)arena;
    /* A command that was interrupted may be said again; a year that was mistyped posts at once. */
    static const int64_t over_us = INT64_C(86400) * KN_US_PER_S;
    int64_t now_us = kn_wall_us(), at_us;
    if (parse_from_now(value, now_us, &at_us) || parse_clock(value, now_us, &at_us)) {
        if (at_us < now_us - over_us)
            return kn_error_set(err, KN_INVALID,
                                "--%s %.60s is long over: give a time to come, or none for now",
                                option->name, value);
        *(int64_t *)field = at_us;
        return KN_OK;
    }
    return kn_error_set(err, KN_INVALID,
                        "--%s takes a time such as 14:30, \"2027-01-31 14:30\" or +2h, not “%.60s”",
                        option->name, value);
}

/* ---- states ---- */

enum kn_status kn_parse_states(const struct kn_option *option, const char *value, void *field,
                               struct kn_arena *arena, struct kn_error *err)
{
    unsigned states = 0;
    for (const char *at = value;;) {
        size_t length = strcspn(at, ",");
        const char *name = kn_arena_strndup(arena, at, length);
        enum kn_job_state state;
        /* "leased" is the queue's word for what people see running. */
        if (strcmp(name, "running") == 0)
            state = KN_JOB_LEASED;
        else if (!kn_job_state_parse(name, &state))
            return kn_error_set(
                err, KN_INVALID,
                "--%s takes a list of queued, running, done, failed, cancelled, not “%.60s”",
                option->name, value);
        states |= 1u << state;
        if (!at[length])
            break;
        at += length + 1;
    }
    *(unsigned *)field = states;
    return KN_OK;
}

/* ---- sizes ---- */

enum kn_status kn_parse_memory(const struct kn_option *option, const char *value, void *field,
                               struct kn_arena *arena, struct kn_error *err)
{
    static const char units[] = "KMGT";
    size_t length = strlen(value);
    const char *unit = length ? strchr(units, value[length - 1]) : NULL;
    double scale = 1, number;
    for (int i = 0; unit && i <= unit - units; i++)
        scale *= 1024;
    const char *digits = kn_arena_strndup(arena, value, length - (unit ? 1 : 0));
    if (!kn_parse_double(digits, 0, 1e15, &number) || number * scale > 1e15)
        return kn_error_set(err, KN_INVALID, "--%s takes a size such as 800M or 4G, not “%.60s”",
                            option->name, value);
    *(int64_t *)field = (int64_t)(number * scale);
    return KN_OK;
}

void kn_print_memory(const struct kn_option *option, const void *field, struct kn_str *out)
{
    (void)option;
    int64_t bytes = *(const int64_t *)field;
    int64_t mb = 1024 * 1024;
    if (bytes && bytes % (1024 * mb) == 0)
        kn_str_printf(out, "%" PRId64 "G", bytes / (1024 * mb));
    else if (bytes && bytes % mb == 0)
        kn_str_printf(out, "%" PRId64 "M", bytes / mb);
    else
        kn_str_printf(out, "%" PRId64, bytes);
}

/* ---- events ---- */

enum kn_status kn_parse_event(const struct kn_option *option, const char *value, void *field,
                              struct kn_arena *arena, struct kn_error *err)
{
    long long id;
    (void)arena;
    if (!kn_parse_int(value, 0, INT64_MAX, &id))
        return kn_error_set(err, KN_INVALID, "--%s takes the event_id of an event, not “%.60s”",
                            option->name, value);
    *(int64_t *)field = id;
    return KN_OK;
}

void kn_print_event(const struct kn_option *option, const void *field, struct kn_str *out)
{
    int64_t id = *(const int64_t *)field;
    (void)option;
    if (id >= 0) /* else from now on */
        kn_str_printf(out, "%" PRId64, id);
}
