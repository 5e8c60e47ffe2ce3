/*
 * A paid, limited AI service that speaks OpenAI's protocol, and how to be a good citizen of it.
 *
 * All calls of a process to one service go through one kn_service, whatever job they are for. A
 * call waits for its place under the limits (requests and tokens a minute, requests at once; what
 * the service's own headers say counts too), is answered from the cache where the same was asked
 * before, else is reserved in the budget, sent, and tried again after what may pass: 408, 409, 429
 * but for used-up quotas, 5xx, connections that fail; after what Retry-After says, or exponentially
 * longer with jitter. x-should-retry is obeyed. Concurrency halves at a 429 and grows again.
 *
 * After so many calls in a row that failed for good without an answer, or the first one that says
 * that the key or the account is refused, the service is *down*: calls fail at once with the same
 * sentence until a minute has passed, so that fallbacks take over without a storm of retries. So do
 * calls of a model that it does not know or permit. What it asks to wait for (Retry-After) is not
 * waited for beyond two minutes: then it is down for as long, up to ten.
 *
 * Calls that send the same at the same time are one request, also those of several processes that
 * keep their answers in the same folder. The first request of all goes ahead alone for up to a
 * second, so that a wrong key is one request as well.
 */
#ifndef KN_AI_SERVICE_H
#define KN_AI_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "ai/budget.h"
#include "ai/secrets.h"
#include "base/memory.h"
#include "net/http.h"

struct kn_service;

struct kn_service_options {
    const char *name;     /* for sentences: "the speech service" */
    const char *base_url; /* "https://api.openai.com/v1"; with or without a slash at its end */
    const char *key;      /* NULL or "": none is sent. INVALID: it would go unencrypted to another
                             machine */
    const char *key_hint; /* where a key is set, for sentences: "OPENAI_API_KEY" */
    /* Keys beside its own that its answers must not carry on; see ai/secrets.h. NULL among them:
     * passed over. */
    const char *const *secrets;
    int secret_count;
    int concurrency;                           /* requests at once at most; 0: 16 */
    double requests_a_minute, tokens_a_minute; /* 0: no bound but what the service says */
    int attempts;                              /* of one call; 0: 6 */
    int64_t limit_ms;                          /* of one request; 0: 10 min */
    const char *cache; /* folder of answers; NULL: none are kept. Names are hashes of the service's
                          address, the call and what is sent, never of the key */
};

/* Borrows `http`, copies the options. Quick: nothing is sent. Any thread may call. */
enum kn_status kn_service_open(struct kn_http *http, const struct kn_service_options *options,
                               struct kn_service **ret_service, struct kn_error *err);
void kn_service_close(struct kn_service *service); /* nobody may be calling; NULL is fine */
KN_SCOPED_DEFINE(kn_service, kn_service_close)

struct kn_service_call {
    const char *path;  /* "/audio/transcriptions" */
    const char *model; /* for its price; see ai/prices.h */
    /* Either a JSON document or parts of multipart/form-data. */
    const json_t *json;
    const struct kn_http_part *parts;
    int part_count;
    /* What it may use at most, for limits and the budget: `audio_s`, `input_tokens`,
     * `output_tokens`; the price is added. */
    struct kn_usage most;
    /* Is this an answer that can be used? Only such are kept in the cache; another one is an error
     * DAMAGED of the call, after one more try. END: the caller gets it, and will ask about it: it
     * is not kept, and the same is not sent again. NULL: any JSON object. */
    enum kn_status (*accept)(void *arg, const json_t *answer, struct kn_error *err);
    void *arg;
    struct kn_budget *budget; /* NULL: nobody counts */
};

/*
 * *ret_answer is owned by the caller (json_decref), and is what `accept` was last asked about, or a
 * copy of it. What the call used is told to its budget, also when it failed after billed tries.
 *
 * DENIED: the key or the account; NOT_FOUND: the model or the path; LIMIT: the budget, or the
 * service's quota is used up; INVALID: the service refuses the request as wrong (its own sentence
 * is in `err`); TIMEOUT, REMOTE: tries are used up; DAMAGED: answers that are none; CANCELLED.
 * Every sentence begins with the service's name and says what to do where something can be done.
 */
enum kn_status kn_service_call(struct kn_service *service, const struct kn_service_call *call,
                               struct kn_cancel *cancel, json_t **ret_answer, struct kn_error *err);

/* Its base URL, without a slash at its end; lives with the service. */
const char *kn_service_url(const struct kn_service *service);
/* What is blotted out of its answers. A document inside of one, written in a text, may spell it in
 * another way: whoever reads that has to do the same. Lives with the service. */
const struct kn_secrets *kn_service_secrets(const struct kn_service *service);

/* What happened so far, for benches, tests and people. */
struct kn_service_counts {
    int cached, requests, retries, limited /* 429 */;
};
void kn_service_counts(struct kn_service *service, struct kn_service_counts *ret_counts);

#endif
