/*
 * The AI services of a process: one for each kind of question, with what they share.
 */
#ifndef KN_AI_SERVICES_H
#define KN_AI_SERVICES_H

#include "ai/service.h"

enum kn_service_kind {
    KN_SERVICE_SPEECH,
    KN_SERVICE_VISION,
    KN_SERVICE_RANKING,
    KN_SERVICE_KIND_COUNT
};

struct kn_services_options {
    /* As in kn_service_options. Without a key, a service that is not on this machine is not set up.
     */
    struct {
        const char *url, *key, *key_hint;
    } at[KN_SERVICE_KIND_COUNT];
    int concurrency; /* as in kn_service_options, each of the services for itself */
    double requests_a_minute, tokens_a_minute;
    int64_t limit_ms;
    const char *cache;           /* folder of answers; NULL: none are kept */
    const char *usage;           /* folder of the days' usage; NULL: days are not counted,
                                    and MISSING where `day` has a bound */
    struct kn_budget_limits day; /* for all jobs of this machine together */
};

struct kn_services {
    struct kn_http *http; /* for them; NULL: none is set up */
    struct kn_service *at[KN_SERVICE_KIND_COUNT];
    struct kn_error why[KN_SERVICE_KIND_COUNT]; /* where there is none: MISSING, or
                                                   INVALID; and what to do */
    struct kn_budget *day;                      /* above the jobs' budgets; NULL: not counted */
};

/* Nothing is sent. A service that is not set up is no error: see `why`. Immutable afterwards, so
 * any thread may read it. */
enum kn_status kn_services_open(const struct kn_services_options *options,
                                struct kn_services **ret_services, struct kn_error *err);
void kn_services_close(struct kn_services *services); /* nobody may be calling; NULL is fine */

#endif
