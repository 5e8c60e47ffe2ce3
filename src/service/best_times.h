/*
 * The times of day at which an account's clips are to appear, by the clock of this machine (TZ
 * where it is set): what Buffer and its like call a posting schedule. As text:
 *
 *   09:00,12:30,18:00                                for every account
 *   18:00; youtube=16:00,20:00; x:work=08:00,12:00   and others for some
 *
 * The account's own go first, then its platform's, then those for all, then what the platform's
 * descriptor says, then the usual ones.
 *
 * A time that the clock leaves out on a day (summer time begins) is none on that day; of one that
 * it shows twice (summer time ends) the first counts.
 */
#ifndef KN_SERVICE_BEST_TIMES_H
#define KN_SERVICE_BEST_TIMES_H

#include <stdint.h>

#include <kirinuki/status.h>

#include "platform/platform.h"

enum { KN_BEST_TIMES_MAX = 48 };

struct kn_best_times {
    int count;
    int minutes[KN_BEST_TIMES_MAX]; /* of the day, rising */
};

/* INVALID: the sentence is for whoever typed it. */
enum kn_status kn_best_times_check(const char *text, struct kn_error *err);
/* `text` is NULL, or was checked. */
struct kn_best_times kn_best_times_of(const char *text, const struct kn_platform *platform,
                                      const char *account);
/* The first one after `after_us`, wall clock; -1: none comes. `times`: struct kn_best_times; what
 * struct kn_post_slots calls. */
int64_t kn_best_times_next(const void *times, int64_t after_us);

#endif
