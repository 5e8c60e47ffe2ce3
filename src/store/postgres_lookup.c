/*
 * libpq looks up a host's name while it begins to connect, and waits for that as long as the
 * system's resolver does, whatever connect_timeout says. So this goes to a thread of its own, which
 * is left alone when it takes too long: it ends when the resolver does. Of several hosts, only the
 * first is looked up here; the others are when it comes to them, and block.
 */
#include "store/postgres_link.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/sync.h"

enum { SLICE_US = 50000 };

struct lookup {
    kn_postgres_begin_fn *begin;
    char *given;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    /* Protected by `lock`. */
    PGconn *pg;
    bool over, left;
};

static void lookup_free(struct lookup *lookup)
{
    PQfinish(lookup->pg);
    pthread_mutex_destroy(&lookup->lock);
    pthread_cond_destroy(&lookup->cond);
    free(lookup->given);
    free(lookup);
}

static void *look_up(void *arg)
{
    struct lookup *lookup = arg;
    PGconn *pg = lookup->begin(lookup->given);
    pthread_mutex_lock(&lookup->lock);
    lookup->pg = pg;
    lookup->over = true;
    bool left = lookup->left;
    pthread_cond_signal(&lookup->cond);
    pthread_mutex_unlock(&lookup->lock);
    if (left)
        lookup_free(lookup);
    return NULL;
}

/* False: it was left to its thread. */
static bool await(struct lookup *lookup, int64_t deadline_us, struct kn_cancel *cancel)
{
    KN_LOCKED(&lookup->lock);
    while (!lookup->over && kn_now_us() < deadline_us && !kn_cancel_requested(cancel))
        (void)kn_cond_wait_until(&lookup->cond, &lookup->lock,
                                 KN_MIN(deadline_us, kn_now_us() + SLICE_US));
    lookup->left = !lookup->over;
    return lookup->over;
}

PGconn *kn_postgres_lookup(kn_postgres_begin_fn *begin, const char *given, int64_t deadline_us,
                           struct kn_cancel *cancel)
{
    pthread_t thread;
    struct lookup *lookup = kn_calloc(1, sizeof *lookup);
    lookup->begin = begin;
    lookup->given = kn_strdup(given);
    pthread_mutex_init(&lookup->lock, NULL);
    kn_cond_init(&lookup->cond);
    PGconn *pg = NULL;
    if (kn_thread_start(&thread, "kn-lookup", look_up, lookup) != 0) {
        pg = begin(given); /* no thread to be had: then it has to be waited for */
        lookup_free(lookup);
        return pg;
    }
    pthread_detach(thread);
    if (await(lookup, deadline_us, cancel)) {
        pg = KN_MOVE(lookup->pg);
        lookup_free(lookup);
    }
    return pg;
}
