/*
 * The account of a day that all processes share; private to budget*.c.
 */
#ifndef KN_AI_BUDGET_DAY_H
#define KN_AI_BUDGET_DAY_H

#include <stdint.h>

#include "ai/budget.h"

/* Amounts that add up exactly: money in units of a billionth of a dollar. */
struct kn_account {
    int64_t usd_nano, tokens;
};

/* What a day's file says. */
struct kn_day {
    struct kn_account reserved; /* what died with its process stays in it */
    struct kn_account used;
};

enum { KN_DAY_NAME_BYTES = 16 };
/* "2026-11-25" of a time, UTC. */
void kn_day_name(int64_t wall_us, char ret_name[KN_DAY_NAME_BYTES]);

/* Reads the file of that day, lets `change` work on what it says while nobody else can, and writes
 * it if that returns OK. A day that is not there begins at zero. LOST: others did not let go of it
 * in time; DAMAGED: it is no account. */
enum kn_status kn_day_change(const char *folder, const char *name,
                             enum kn_status (*change)(void *arg, struct kn_day *day,
                                                      struct kn_error *err),
                             void *arg, struct kn_error *err);

#endif
