/*
 * The day of California, by which Google counts quotas. Its summer time is that of the Energy
 * Policy Act of 2005, section 110: from the second Sunday of March to the first of November, 2:00.
 */
#ifndef KN_PLATFORM_PACIFIC_H
#define KN_PLATFORM_PACIFIC_H

#include <stdint.h>

/* The first midnight there after `wall_us`, and the last one that is not after it. */
int64_t kn_pacific_midnight_after_us(int64_t wall_us);
int64_t kn_pacific_midnight_before_us(int64_t wall_us);

#endif
