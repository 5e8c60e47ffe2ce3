/* Quotas of a project: videos.insert has a bucket of its own since 2026, all else is counted in
 * units; both begin anew at midnight Pacific ("Quota Calculator", 2026-09-11). */
#include <time.h>

#include "base/clock.h"
#include "sandbox/platforms/youtube.h"

enum { HOUR_S = 3600, DAY_S = 86400 };

/* Seconds since 1970 of a day of the month, UTC, at an hour. */
static time_t moment(int year, int month, int day, int hour)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = day, .tm_hour = hour};
    return timegm(&tm);
}

/* The nth Sunday of a month (from 0). */
static int sunday(int year, int month, int nth)
{
    struct tm tm;
    time_t first = moment(year, month, 1, 0);
    gmtime_r(&first, &tm);
    return 1 + (7 - tm.tm_wday) % 7 + 7 * nth;
}

/* Daylight time: from the second Sunday of March to the first of November, at two in the morning
 * (Energy Policy Act of 2005, section 110). */
int64_t kn_yt_day(int64_t wall_us)
{
    time_t now = (time_t)(wall_us / KN_US_PER_S);
    struct tm tm;
    gmtime_r(&now, &tm);
    int year = tm.tm_year + 1900;
    time_t begins = moment(year, 2, sunday(year, 2, 1), 2 + 8);
    time_t ends = moment(year, 10, sunday(year, 10, 0), 2 + 7);
    int behind_h = now >= begins && now < ends ? 7 : 8;
    return (int64_t)(now - behind_h * HOUR_S) / DAY_S;
}

static struct kn_yt_state *today(struct kn_mimic_visit *visit)
{
    struct kn_yt_state *state = visit->state;
    int64_t day = kn_yt_day(visit->now_us);
    if (state->day != day) {
        state->day = day;
        state->inserts = state->units = 0;
    }
    return state;
}

bool kn_yt_charge(struct kn_mimic_visit *visit, int units)
{
    struct kn_yt_state *state = today(visit);
    if (state->units + units > visit->m->settings[KN_MIMIC_YOUTUBE_UNITS]) {
        kn_yt_fail(visit, "quotaExceeded", NULL);
        return false;
    }
    state->units += units;
    return true;
}

bool kn_yt_charge_insert(struct kn_mimic_visit *visit)
{
    struct kn_yt_state *state = today(visit);
    if (state->inserts + 1 > visit->m->settings[KN_MIMIC_YOUTUBE_INSERTS]) {
        kn_yt_fail(visit, "quotaExceeded", NULL);
        return false;
    }
    state->inserts++;
    return true;
}
