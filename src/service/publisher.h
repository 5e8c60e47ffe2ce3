/*
 * The publisher: claims posts that are due from a store and takes each as far as it goes, many at
 * once, whatever becomes of the others.
 *
 * - the caller's thread claims, sleeps until something is due or changes, tells how many bytes are
 *   out, and hears who wants a post stopped, once a second;
 * - kn-heart renews the lease at each third of it;
 * - kn-post …, one for each post that is under way.
 *
 * A post that has to wait (for its processing, a quota, a back-off) is given up and claimed again
 * when it is due, so that nothing is held while nothing happens. When the lease is lost, whatever
 * runs is stopped and saves nothing more; others go on with it from what was remembered.
 */
#ifndef KN_SERVICE_PUBLISHER_H
#define KN_SERVICE_PUBLISHER_H

#include <kirinuki/cancel.h>

#include "net/http.h"
#include "service/accounts.h"
#include "store/store_posts.h"

/* What is told of a post; texts live during the call. */
struct kn_post_news {
    int64_t post;
    const char *platform, *account;
    enum kn_post_state state;
    int64_t sent_bytes, bytes;
    int tries;                         /* failed ones in a row */
    int64_t due_us;                    /* of one that waits; wall clock */
    const char *url, *reason, *remedy; /* ""  where there is none */
};

struct kn_publisher_options {
    struct kn_store *store; /* borrowed, like the next two */
    struct kn_http *http;
    struct kn_accounts *accounts;
    const char *webhook_secret; /* signs what is sent to webhooks; NULL: nothing is signed */
    const char *name;           /* of the worker, for people */
    int at_once;                /* posts under way; 0: 48 */
    int account_at_once;        /* of one account, among all processes; 0: 10 */
    int64_t lease_us;           /* 0: 10 s, which is how long a crash keeps others waiting */
    /* Only these posts; ends when each of them has come to its end or waits for longer than
     * `patience_us`, or is SCHEDULED and not due now. NULL: whatever is due, until told to stop. */
    const int64_t *only;
    int only_count;
    bool drain;          /* without `only`: ends when nothing is under way or due, here */
    int64_t patience_us; /* 0: 15 min */
    /* Optional: changes of states and bytes, on any of the threads, one call at a time. */
    void (*heard)(void *arg, const struct kn_post_news *news);
    void *arg;
};

/*
 * KN_OK: it came to its end, or `stop` was triggered. What is under way then is stopped before its
 * next request and handed back. Errors are those of the store that do not pass, or with `only` did
 * not within three leases (NO_SPACE: its disk is full): what is under way then goes on where it
 * was, at the next time.
 */
enum kn_status kn_publisher_run(const struct kn_publisher_options *options, struct kn_cancel *stop,
                                struct kn_error *err);

/* Sleeps until a post is due, publishes what is, and sleeps again, until `stop`. While it sleeps it
 * is no worker that others see. */
void kn_publisher_keep(const struct kn_publisher_options *options, struct kn_cancel *stop);

#endif
