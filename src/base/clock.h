/* Time. Media time is int64_t `_us`; waits are `_ms`. */
#ifndef KN_BASE_CLOCK_H
#define KN_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define KN_US_PER_S INT64_C(1000000)

int64_t kn_now_us(void);  /* monotonic; for durations */
int64_t kn_wall_us(void); /* since 1970, UTC */
int64_t kn_cpu_us(void);  /* CPU time that this process has used, user and system */

static inline double kn_seconds(int64_t us)
{
    return (double)us / 1e6;
}

enum { KN_TIME_TEXT_BYTES = 32 };
/* "2026-11-23T20:14:47Z" */
const char *kn_time_iso(int64_t wall_us, char text[KN_TIME_TEXT_BYTES]);
/* The same for people, by the machine's clock: "2026-11-23 21:14:47 +0100" */
const char *kn_time_local(int64_t wall_us, char text[KN_TIME_TEXT_BYTES]);
/* "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale (RFC 9110, section 5.6.7) */
const char *kn_time_http(int64_t wall_us, char text[KN_TIME_TEXT_BYTES]);
/* A position or duration for people: "1:02:03.4", "12:03.4", "0:07.5". */
const char *kn_time_clock(int64_t us, char text[KN_TIME_TEXT_BYTES]);
/* A duration for people: "850 ms", "12.3 s", "4 min 05 s", "2 h 03 min". */
const char *kn_time_span(int64_t us, char text[KN_TIME_TEXT_BYTES]);

#endif
