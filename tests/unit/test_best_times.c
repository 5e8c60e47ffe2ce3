/* Best times: how they are written, whose they are, and when they come by the clock of a place. */
#include "run_help.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "service/best_times.h"

static void expect_refused(const char *text, const char *sentence)
{
    struct kn_error err = {0};
    if (kn_best_times_check(text, &err) != KN_INVALID || !strstr(err.text, sentence))
        fail_msg("\"%s\": \"%s\" instead of \"%s\"", text, err.text, sentence);
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const fine[] = {"9:00", "09:00,12:30, 18:00",
                                       "18:00; youtube=16:00,20:00; x:my name=08:00", "00:00,23:50",
                                       " youtube = 7:00 "};
    struct kn_error err = {0};
    for (size_t i = 0; i < KN_COUNT_OF(fine); i++)
        if (kn_best_times_check(fine[i], &err) != KN_OK)
            fail_msg("\"%s\": %s", fine[i], err.text);
    expect_refused("", "is no time of day");
    expect_refused("9", "“9” is no time of day such as 09:00 or 18:30");
    expect_refused("24:00", "“24:00”");
    expect_refused("12:60", "“12:60”");
    expect_refused("09:00,", "“” is no time");
    expect_refused("09:00,,10:00", "“” is no time");
    expect_refused("9:5", "“9:5”");
    expect_refused("-9:05", "“-9:05”");
    expect_refused("09:00;", "is no time of day");
    expect_refused("yuotube=09:00", "“yuotube” is no platform");
    expect_refused("=09:00", "“” is no platform");
    expect_refused("youtube=", "“” is no time of day");
    expect_refused("09:00,09:09", "09:00 and 09:09: best times lie 10 minutes apart at least");
    expect_refused("09:00,09:00", "09:00 and 09:00");
    expect_refused("00:04,12:00,23:55", "23:55 and 00:04");
}

static void expect_minutes(const char *text, const struct kn_platform *platform,
                           const char *account, const char *wanted)
{
    struct kn_best_times times = kn_best_times_of(text, platform, account);
    char got[KN_BEST_TIMES_MAX * 8] = "";
    for (int i = 0; i < times.count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d:%02d", i ? " " : "",
                 times.minutes[i] / 60, times.minutes[i] % 60);
    if (strcmp(got, wanted) != 0)
        fail_msg("\"%s\" for %s:%s: \"%s\" instead of \"%s\"", text ? text : "", platform->name,
                 account, got, wanted);
}

static void the_nearest_ones_count(void **state)
{
    (void)state;
    static const char text[] = "18:00,9:00; youtube:b=3:00; x=7:00; x:a b=6:00 ; youtube=4:00";
    expect_minutes(text, &kn_platform_tiktok, "a", "9:00 18:00");
    expect_minutes(text, &kn_platform_youtube, "a", "4:00");
    expect_minutes(text, &kn_platform_youtube, "b", "3:00");
    expect_minutes(text, &kn_platform_x, "a b", "6:00");
    expect_minutes(text, &kn_platform_x, "a", "7:00");
    expect_minutes(NULL, &kn_platform_folder, "/a", "9:00 12:30 18:00");
    expect_minutes("x=7:00", &kn_platform_folder, "/a", "9:00 12:30 18:00");
}

static void each_platforms_own_are_times(void **state)
{
    (void)state;
    struct kn_error err;
    for (const struct kn_platform *const *at = kn_platforms(); *at; at++) {
        if ((*at)->best_times && kn_best_times_check((*at)->best_times, &err) != KN_OK)
            fail_msg("%s: %s", (*at)->name, err.text);
        assert_true(kn_best_times_of(NULL, *at, "a").count > 0);
    }
}

static void expect_days(const char *zone, const char *text, int64_t after_s,
                        const int64_t *wanted_s, int count)
{
    struct kn_best_times times = kn_best_times_of(text, &kn_platform_folder, "a");
    setenv("TZ", zone, 1);
    tzset();
    int64_t at_us = after_s * KN_US_PER_S;
    for (int i = 0; i < count; i++) {
        char got[KN_TIME_TEXT_BYTES], wanted[KN_TIME_TEXT_BYTES];
        at_us = kn_best_times_next(&times, at_us);
        if (at_us != wanted_s[i] * KN_US_PER_S)
            fail_msg("%s in %s, %d: %s instead of %s", text, zone, i, kn_time_iso(at_us, got),
                     kn_time_iso(wanted_s[i] * KN_US_PER_S, wanted));
    }
}

/* The rules of Berlin and New York as text, so that no zone has to be installed. */
static const char berlin[] = "CET-1CEST,M3.5.0,M10.5.0/3", york[] = "EST5EDT,M3.2.0,M11.1.0";

static void they_come_by_the_clock_of_the_place(void **state)
{
    (void)state;
    /* 2026-03-28 12:00Z and on: summer time begins on the 29th at 02:00 (01:00Z). */
    static const int64_t morning[] = {1774771200 /* 29th, 10:00 +0200 */, 1774857600, 1774944000};
    expect_days(berlin, "10:00", 1774699200, morning, 3);
    /* 02:30 is left out on the 29th; 03:30 is there. */
    static const int64_t night[] = {1774747800 /* 29th, 03:30 +0200 */, 1774830600, 1774834200};
    expect_days(berlin, "02:30,03:30", 1774699200, night, 3);
    /* 2026-10-25: 02:30 comes twice (00:30Z, 01:30Z), and counts once. */
    static const int64_t twice[] = {1792888200, 1792978200, 1793064600};
    expect_days(berlin, "02:30", 1792872000, twice, 3);
    /* Of whom the first one is over already, the day has none any more. */
    expect_days(berlin, "02:30", 1792888200, twice + 1, 2);
    /* 2026-11-01, New York: 01:30 comes twice. */
    static const int64_t west[] = {1793511000, 1793601000};
    expect_days(york, "01:30", 1793491200, west, 2);
    static const int64_t utc[] = {1796126400 + 3600, 1796126400 + 6 * 3600, 1796126400 + 25 * 3600};
    expect_days("UTC0", "13:00,18:00", 1796126400, utc, 3);
    expect_days("UTC0", "13:00,18:00", 1796126400 + 3600, utc + 1, 2); /* strictly after */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(the_nearest_ones_count),
        cmocka_unit_test(each_platforms_own_are_times),
        cmocka_unit_test(they_come_by_the_clock_of_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
