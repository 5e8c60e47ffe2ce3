#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* can't fail for the clocks below */
    return now.tv_sec * KN_US_PER_S + now.tv_nsec / 1000;
}

int64_t kn_now_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t kn_wall_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t kn_cpu_us(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

const char *kn_time_iso(int64_t wall_us, char text[KN_TIME_TEXT_BYTES])
{
    time_t seconds = (time_t)(wall_us / KN_US_PER_S);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) ||
        !strftime(text, KN_TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc))
        text[0] = '\0';
    return text;
}

const char *kn_time_local(int64_t wall_us, char text[KN_TIME_TEXT_BYTES])
{
    time_t seconds = (time_t)(wall_us / KN_US_PER_S);
    struct tm local;
    if (!localtime_r(&seconds, &local) ||
        !strftime(text, KN_TIME_TEXT_BYTES, "%Y-%m-%d %H:%M:%S %z", &local))
        text[0] = '\0';
    return text;
}

const char *kn_time_http(int64_t wall_us, char text[KN_TIME_TEXT_BYTES])
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(wall_us / KN_US_PER_S);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) ||
        !strftime(text, KN_TIME_TEXT_BYTES, "day, %d mon %Y %H:%M:%S GMT", &utc)) {
        text[0] = '\0';
        return text;
    }
    memcpy(text, days + (size_t)utc.tm_wday * 3, 3);
    memcpy(text + strlen("day, 01 "), months + (size_t)utc.tm_mon * 3, 3);
    return text;
}

const char *kn_time_clock(int64_t us, char text[KN_TIME_TEXT_BYTES])
{
    const char *sign = us < 0 ? "-" : "";
    int64_t tenths = (us < 0 ? -us : us) / 100000;
    int64_t hours = tenths / 36000, minutes = tenths / 600 % 60;
    if (hours)
        snprintf(text, KN_TIME_TEXT_BYTES, "%s%" PRId64 ":%02" PRId64 ":%02" PRId64 ".%" PRId64,
                 sign, hours, minutes, tenths / 10 % 60, tenths % 10);
    else
        snprintf(text, KN_TIME_TEXT_BYTES, "%s%" PRId64 ":%02" PRId64 ".%" PRId64, sign, minutes,
                 tenths / 10 % 60, tenths % 10);
    return text;
}

const char *kn_time_span(int64_t us, char text[KN_TIME_TEXT_BYTES])
{
    int64_t seconds = us / KN_US_PER_S;
    if (us < 995000)
        snprintf(text, KN_TIME_TEXT_BYTES, "%" PRId64 " ms", us / 1000);
    else if (seconds < 60)
        snprintf(text, KN_TIME_TEXT_BYTES, "%.1f s", kn_seconds(us));
    else if (seconds < 3600)
        snprintf(text, KN_TIME_TEXT_BYTES, "%" PRId64 " min %02" PRId64 " s", seconds / 60,
                 seconds % 60);
    else
        snprintf(text, KN_TIME_TEXT_BYTES, "%" PRId64 " h %02" PRId64 " min", seconds / 3600,
                 seconds / 60 % 60);
    return text;
}
