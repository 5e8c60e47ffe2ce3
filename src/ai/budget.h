/*
 * Budgets: what may be spent on paid services, and what was.
 *
 * Before a request is sent, the most that it can cost is reserved in its budget and in all budgets
 * above it; when that would exceed one of them, nothing is sent. After it the reservation is
 * exchanged for what was really used. So a budget is never exceeded, however many requests are in
 * flight. What was reserved when a process died counts as spent.
 */
#ifndef KN_AI_BUDGET_H
#define KN_AI_BUDGET_H

#include <stdint.h>

#include <kirinuki/status.h>

#include "base/memory.h"
#include "model/usage.h"

/* 0 each: no bound. */
struct kn_budget_limits {
    double usd;       /* LIMIT as well for a request whose price is not known */
    int64_t tokens;   /* input and output together */
    const char *hint; /* what raises it, for sentences: "--budget"; copied. NULL: not known */
};

struct kn_budget;

/* Borrows `parent` (NULL: none). `name` for sentences: "the job's budget"; copied. Any thread. */
struct kn_budget *kn_budget_new(const char *name, const struct kn_budget_limits *limits,
                                struct kn_budget *parent);
/*
 * A budget of a day (UTC) for all processes of this machine that use the same file, which is made
 * when it is not there and kept under a lock (flock) for each reservation: `folder`/DATE.json.
 * What cannot be read or written is an error of the reservation: a bound that nobody keeps is none.
 * Without a bound it is only a count, and never a reason to refuse.
 */
struct kn_budget *kn_budget_of_day(const char *folder, const struct kn_budget_limits *limits);
void kn_budget_free(struct kn_budget *budget); /* NULL is fine; children first */
KN_SCOPED_DEFINE(kn_budget, kn_budget_free)

/* LIMIT: which budget would be exceeded, what is left of it, what this would cost at most, and how
 * to raise it. A NULL budget has no bounds. */
enum kn_status kn_budget_reserve(struct kn_budget *budget, const struct kn_usage *most,
                                 struct kn_error *err);
void kn_budget_settle(struct kn_budget *budget, const struct kn_usage *most,
                      const struct kn_usage *used);
/* An answer that cost nothing, for the sums of budgets that are no day's. */
void kn_budget_cached(struct kn_budget *budget);
/* So far, without what is reserved; of a budget that is no day's. */
void kn_budget_used(struct kn_budget *budget, struct kn_usage *ret_used);

#endif
