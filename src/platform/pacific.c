#include "platform/pacific.h"

#include <stdbool.h>
#include <time.h>

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, STANDARD_S = -8 * HOUR_S, SUMMER_S = -7 * HOUR_S };

/* The time of the so many-th Sunday of a month, at that hour of UTC. */
static int64_t sunday_s(int year, int month, int which, int hour)
{
    struct tm first = {.tm_year = year, .tm_mon = month, .tm_mday = 1, .tm_hour = hour};
    int64_t at_s = timegm(&first); /* sets tm_wday */
    int days = (7 - first.tm_wday) % 7 + 7 * (which - 1);
    return at_s + (int64_t)days * DAY_S;
}

static int64_t offset_s(int64_t utc_s)
{
    enum { MARCH = 2, NOVEMBER = 10 };
    time_t at = utc_s;
    struct tm now;
    if (!gmtime_r(&at, &now)) /* a year that no calendar has */
        return STANDARD_S;
    bool summer = utc_s >= sunday_s(now.tm_year, MARCH, 2, 10) &&
                  utc_s < sunday_s(now.tm_year, NOVEMBER, 1, 9);
    return summer ? SUMMER_S : STANDARD_S;
}

static int64_t day_of(int64_t wall_us)
{
    int64_t utc_s = wall_us / 1000000;
    return (utc_s + offset_s(utc_s)) / DAY_S;
}

/* The clock changes two hours after midnight, so both sides of it agree on the offset. */
static int64_t begin_us(int64_t day)
{
    int64_t summer_s = day * DAY_S - SUMMER_S;
    bool summer = offset_s(summer_s) == SUMMER_S;
    return (summer ? summer_s : day * DAY_S - STANDARD_S) * 1000000;
}

int64_t kn_pacific_midnight_after_us(int64_t wall_us)
{
    return begin_us(day_of(wall_us) + 1);
}

int64_t kn_pacific_midnight_before_us(int64_t wall_us)
{
    return begin_us(day_of(wall_us));
}
