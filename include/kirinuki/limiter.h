/*
 * Limiters bound what is shared: at most `concurrency` holders at once, at most `rate` starts
 * an interval, by priority and then in order of arrival.
 *
 * The rate is a token bucket: tokens flow in evenly, `burst` of them fit, and a start takes one.
 *
 * A remote service teaches its limits as it goes. kn_limiter_feedback with KN_LIMIT halves what
 * is in flight; each round of successes adds one again, up to the set maximum (additive increase,
 * multiplicative decrease, as TCP does it: RFC 5681, section 3.1). kn_limiter_pause_ms holds
 * everything back (Retry-After).
 *
 * Any thread may call anything but free.
 */
#ifndef KIRINUKI_LIMITER_H
#define KIRINUKI_LIMITER_H

#include <kirinuki/cancel.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kn_limiter;

struct kn_limiter_options {
    int concurrency;     /* holders at once; 0: no bound */
    double rate;         /* starts an interval; 0: no bound */
    int64_t interval_ms; /* of `rate`; 0: 1000 */
    double burst;        /* starts that may come at once after a quiet time; less than 1: 1 */
    bool adaptive;       /* let feedback move the concurrency */
};

struct kn_limiter *kn_limiter_new(const struct kn_limiter_options *options);
void kn_limiter_free(struct kn_limiter *limiter); /* nobody may hold or wait; NULL is fine */

/* Waits for a place. A smaller `priority` goes first; nobody overtakes within a priority.
 * KN_CANCELLED: no place was taken. */
enum kn_status kn_limiter_acquire(struct kn_limiter *limiter, int priority,
                                  struct kn_cancel *cancel);
/* Without waiting. KN_LIMIT: there is no place now, or others wait for it. */
enum kn_status kn_limiter_try_acquire(struct kn_limiter *limiter, int priority);
void kn_limiter_release(struct kn_limiter *limiter);

/*
 * What became of a holder's call, before its release: KN_OK, KN_LIMIT (the service said slow
 * down) or anything else (no effect). After a KN_LIMIT, what others hear who were in flight
 * already is old news and changes nothing, so one overload is not punished many times over.
 */
void kn_limiter_feedback(struct kn_limiter *limiter, enum kn_status status);
void kn_limiter_pause_ms(struct kn_limiter *limiter, int64_t ms); /* no starts for that long */

int kn_limiter_holders(struct kn_limiter *limiter);
int kn_limiter_waiting(struct kn_limiter *limiter);     /* how many wait in acquire */
int kn_limiter_concurrency(struct kn_limiter *limiter); /* the bound in force; 0: none */

#ifdef __cplusplus
}
#endif
#endif
