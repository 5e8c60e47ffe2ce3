/*
 * The loop: the one thread that touches the multi handle. Callers put their transfers into
 * `incoming`, wake it and wait; whoever is cancelled sets a mark and wakes it.
 *
 * Limits of time are kept here and not by curl, which counts stalls in whole seconds and does not
 * look at transfers that wait for a connection.
 */
#include <assert.h>

#include "base/clock.h"
#include "base/sync.h"
#include "net/http_internal.h"

enum { REST_MS = 60000 };

/* The caller has it back, and may have freed it. */
static void finish(struct kn_http_transfer *transfer, CURLcode code)
{
    transfer->code = code;
    transfer->end_us = kn_now_us();
    sem_post(&transfer->done);
}

/* Takes it out of curl's hands; a transfer under way loses its connection, or its stream. */
static void drop(struct kn_http *http, struct kn_http_transfer *transfer, enum kn_http_stop why)
{
    transfer->stop = why;
    kn_list_remove(&transfer->link);
    curl_multi_remove_handle(http->multi, transfer->easy);
    finish(transfer, CURLE_ABORTED_BY_CALLBACK);
}

static void start(struct kn_http *http, struct kn_http_transfer *transfer)
{
    kn_list_add(&http->active, &transfer->link);
    if (atomic_load(&transfer->cancelled)) {
        drop(http, transfer, KN_HTTP_STOP_CANCELLED);
        return;
    }
    if (curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK)
        kn_out_of_memory();
}

/* False: the client closes. */
static bool take_incoming(struct kn_http *http)
{
    struct kn_link taken;
    kn_list_init(&taken);
    {
        KN_LOCKED(&http->lock);
        http->asleep = false;
        if (http->closing)
            return false;
        while (!kn_list_empty(&http->incoming)) {
            struct kn_link *link = http->incoming.next;
            kn_list_remove(link);
            kn_list_add(&taken, link);
        }
    }
    while (!kn_list_empty(&taken)) {
        struct kn_link *link = taken.next;
        kn_list_remove(link);
        start(http, KN_CONTAINER(link, struct kn_http_transfer, link));
    }
    return true;
}

static void drop_cancelled(struct kn_http *http)
{
    if (!atomic_exchange(&http->cancels, false))
        return;
    for (struct kn_link *at = http->active.next, *next; at != &http->active; at = next) {
        struct kn_http_transfer *transfer = KN_CONTAINER(at, struct kn_http_transfer, link);
        next = at->next;
        if (atomic_load(&transfer->cancelled))
            drop(http, transfer, KN_HTTP_STOP_CANCELLED);
    }
}

static void finish_ended(struct kn_http *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct kn_http_transfer *transfer;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        kn_list_remove(&transfer->link);
        curl_multi_remove_handle(http->multi, transfer->easy);
        finish(transfer, code);
    }
}

/* Returns when the next limit is reached; INT64_MAX: there is none. */
static int64_t drop_late(struct kn_http *http)
{
    int64_t now_us = kn_now_us(), next_us = INT64_MAX;
    for (struct kn_link *at = http->active.next, *next; at != &http->active; at = next) {
        struct kn_http_transfer *transfer = KN_CONTAINER(at, struct kn_http_transfer, link);
        int64_t stall_us = transfer->request->stall_ms && transfer->moved_us
                               ? transfer->moved_us + transfer->request->stall_ms * 1000
                               : INT64_MAX;
        next = at->next;
        if (transfer->limit_us <= now_us)
            drop(http, transfer, KN_HTTP_STOP_LIMIT);
        else if (stall_us <= now_us)
            drop(http, transfer, KN_HTTP_STOP_STALL);
        else
            next_us = KN_MIN(next_us, KN_MIN(transfer->limit_us, stall_us));
    }
    return next_us;
}

/*
 * Whoever comes from now on wakes the loop. False: somebody has come already. That includes those
 * who cancel, although they wake it in any case: libcurl 8.21 takes a wake-up that comes before or
 * during curl_multi_perform for done with it (curl issue 22272), and the poll would then wait.
 */
static bool fall_asleep(struct kn_http *http)
{
    KN_LOCKED(&http->lock);
    http->asleep = kn_list_empty(&http->incoming) && !http->closing && !atomic_load(&http->cancels);
    return http->asleep;
}

static void *loop(void *arg)
{
    struct kn_http *http = arg;
    while (take_incoming(http)) {
        int running;
        drop_cancelled(http);
        curl_multi_perform(http->multi, &running);
        finish_ended(http);
        int64_t next_us = drop_late(http), wait_ms = REST_MS;
        if (next_us != INT64_MAX)
            wait_ms = KN_CLAMP((next_us - kn_now_us() + 999) / 1000, 0, REST_MS);
        if (fall_asleep(http))
            curl_multi_poll(http->multi, NULL, 0, (int)wait_ms, NULL);
    }
    return NULL;
}

int kn_http_loop_open(struct kn_http *http)
{
    kn_list_init(&http->active);
    kn_list_init(&http->incoming);
    pthread_mutex_init(&http->lock, NULL);
    int failed = kn_thread_start(&http->thread, "http", loop, http);
    if (failed)
        pthread_mutex_destroy(&http->lock);
    return failed;
}

void kn_http_loop_close(struct kn_http *http)
{
    {
        KN_LOCKED(&http->lock);
        assert(kn_list_empty(&http->incoming));
        http->closing = true;
    }
    curl_multi_wakeup(http->multi);
    pthread_join(http->thread, NULL);
    assert(kn_list_empty(&http->active));
    pthread_mutex_destroy(&http->lock);
}

/* ---- the caller's side ---- */

struct cancelling {
    struct kn_http *http;
    struct kn_http_transfer *transfer;
};

static void wake_for_cancel(void *arg)
{
    struct cancelling *cancelling = arg;
    atomic_store(&cancelling->transfer->cancelled, true);
    atomic_store(&cancelling->http->cancels, true);
    curl_multi_wakeup(cancelling->http->multi);
}

void kn_http_loop_run(struct kn_http *http, struct kn_http_transfer *transfer,
                      struct kn_cancel *cancel)
{
    struct cancelling cancelling = {http, transfer};
    struct kn_cancel_watch watch = {.wake = wake_for_cancel, .arg = &cancelling};
    int64_t limit_ms = transfer->request->limit_ms;
    assert(!pthread_equal(pthread_self(), http->thread));
    transfer->start_us = kn_now_us();
    transfer->limit_us = limit_ms ? transfer->start_us + limit_ms * 1000 : INT64_MAX;
    sem_init(&transfer->done, 0, 0);
    kn_cancel_watch(cancel, &watch);

    pthread_mutex_lock(&http->lock);
    bool asleep = http->asleep;
    http->asleep = false; /* one call wakes it for all who come until it looks */
    kn_list_add(&http->incoming, &transfer->link);
    pthread_mutex_unlock(&http->lock);
    if (asleep)
        curl_multi_wakeup(http->multi);
    while (sem_wait(&transfer->done) != 0)
        ; /* a signal; the caller's thread may take some */

    kn_cancel_unwatch(cancel, &watch);
    sem_destroy(&transfer->done);
}
