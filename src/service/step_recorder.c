#include "service/step_recorder.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sync.h"
#include "queue/backoff.h"

enum { DEFAULT_CAPACITY = 256, GROUP_MOST = 256 };

struct record {
    struct record *next;
    struct kn_step_line *line;
    const char *name, *data; /* behind it, in the same allocation */
};

struct kn_step_recorder {
    struct kn_step_recorder_options options;
    struct kn_backoff patience; /* with a store that is away */
    pthread_t thread;

    pthread_mutex_t lock;   /* a leaf */
    pthread_cond_t work;    /* for the thread */
    pthread_cond_t settled; /* for those that wait for room, and for flushes */
    /* Protected by `lock`. */
    struct record *first, **last;
    int count; /* queued, and in the group that is being written */
    bool closing;

    /* The thread's own. */
    int failures; /* of the store, in a row */
};

/* ---- the thread ---- */

/* With the lock. */
static void settle(struct kn_step_recorder *recorder, struct record *record)
{
    record->line->waiting--;
    recorder->count--;
    free(record);
}

/* The front of the queue, without what was dropped; 0: closed, and nothing is left. */
static int take_group(struct kn_step_recorder *recorder, struct record *ret[GROUP_MOST])
{
    KN_LOCKED(&recorder->lock);
    int taken = 0;
    for (;;) {
        while (recorder->first && taken < GROUP_MOST) {
            struct record *record = recorder->first;
            recorder->first = record->next;
            if (record->line->dropped)
                settle(recorder, record);
            else
                ret[taken++] = record;
        }
        if (!recorder->first)
            recorder->last = &recorder->first;
        pthread_cond_broadcast(&recorder->settled);
        if (taken || recorder->closing)
            return taken;
        pthread_cond_wait(&recorder->work, &recorder->lock);
    }
}

/* Back to the front, in their order, to be tried again after a while. */
static void give_back(struct kn_step_recorder *recorder, struct record *const *group, int count)
{
    int64_t again_us = kn_now_us() + kn_backoff_us(&recorder->patience, recorder->failures, 50000);
    KN_LOCKED(&recorder->lock);
    for (int i = count - 1; i >= 0; i--) {
        if (!recorder->first)
            recorder->last = &group[i]->next;
        group[i]->next = recorder->first;
        recorder->first = group[i];
    }
    /* New records and drops are no reason to try sooner, the end of waiting is. */
    while (!recorder->closing && kn_now_us() < again_us)
        (void)kn_cond_wait_until(&recorder->work, &recorder->lock, again_us);
}

static void settle_group(struct kn_step_recorder *recorder, struct record *const *group, int count)
{
    KN_LOCKED(&recorder->lock);
    for (int i = 0; i < count; i++)
        settle(recorder, group[i]);
    pthread_cond_broadcast(&recorder->settled);
}

static void tell_lost(struct kn_step_recorder *recorder, struct kn_step_line *line)
{
    kn_step_recorder_drop(recorder, line);
    if (recorder->options.lost)
        recorder->options.lost(recorder->options.arg, line);
}

static enum kn_status write_group(struct kn_step_recorder *recorder, struct record *const *group,
                                  int count, struct kn_error *err)
{
    struct kn_step_record records[GROUP_MOST];
    for (int i = 0; i < count; i++)
        records[i] = (struct kn_step_record){
            .holder = group[i]->line->holder, .name = group[i]->name, .data = group[i]->data};
    enum kn_status status = kn_store_record_steps(recorder->options.store, records, count, err);
    for (int i = 0; status == KN_OK && i < count; i++)
        if (records[i].status == KN_LOST)
            tell_lost(recorder, group[i]->line);
    return status;
}

/* The result is on the disk all the same, and is found there by the next attempt. */
static void warn(const struct record *record, const struct kn_error *why)
{
    kn_log(KN_LOG_WARN, "worker", "job %lld: %s is done but could not be recorded: %s",
           (long long)record->line->holder.job, record->name, kn_error_text(why));
}

static bool is_patient(const struct kn_step_recorder *recorder)
{
    return !recorder->options.tries || recorder->failures < recorder->options.tries;
}

/* One of them is what the store does not take: each for itself. */
static void write_one_by_one(struct kn_step_recorder *recorder, struct record *const *group,
                             int count)
{
    for (int i = 0; i < count; i++) {
        struct kn_error err;
        if (write_group(recorder, &group[i], 1, &err) != KN_OK)
            warn(group[i], &err);
    }
}

/* True: they are settled. */
static bool record_group(struct kn_step_recorder *recorder, struct record *const *group, int count)
{
    struct kn_error err;
    enum kn_status status = write_group(recorder, group, count, &err);
    if (status == KN_OK) {
        recorder->failures = 0;
        return true;
    }
    if (!kn_status_retryable(status)) {
        write_one_by_one(recorder, group, count);
        return true;
    }
    recorder->failures++;
    if (is_patient(recorder))
        return false;
    for (int i = 0; i < count; i++)
        warn(group[i], &err);
    return true;
}

static void *keep_recording(void *arg)
{
    struct kn_step_recorder *recorder = arg;
    struct record *group[GROUP_MOST];
    int count;
    while ((count = take_group(recorder, group)) > 0) {
        if (record_group(recorder, group, count))
            settle_group(recorder, group, count);
        else
            give_back(recorder, group, count);
    }
    return NULL;
}

/* ---- who records ---- */

enum kn_status kn_step_recorder_open(const struct kn_step_recorder_options *options,
                                     struct kn_step_recorder **ret_recorder, struct kn_error *err)
{
    struct kn_step_recorder *recorder = kn_calloc(1, sizeof *recorder);
    recorder->options = *options;
    if (!recorder->options.capacity)
        recorder->options.capacity = DEFAULT_CAPACITY;
    recorder->patience = (struct kn_backoff){.first_us = 200000, .most_us = 2 * KN_US_PER_S};
    recorder->last = &recorder->first;
    pthread_mutex_init(&recorder->lock, NULL);
    kn_cond_init(&recorder->work);
    kn_cond_init(&recorder->settled);
    int failed = kn_thread_start(&recorder->thread, "kn-steps", keep_recording, recorder);
    if (failed) {
        pthread_cond_destroy(&recorder->settled);
        pthread_cond_destroy(&recorder->work);
        pthread_mutex_destroy(&recorder->lock);
        free(recorder);
        return kn_error_errno(err, failed, "cannot start a thread");
    }
    *ret_recorder = recorder;
    return KN_OK;
}

void kn_step_recorder_close(struct kn_step_recorder *recorder)
{
    if (!recorder)
        return;
    pthread_mutex_lock(&recorder->lock);
    recorder->closing = true;
    pthread_cond_signal(&recorder->work);
    pthread_mutex_unlock(&recorder->lock);
    pthread_join(recorder->thread, NULL);
    pthread_cond_destroy(&recorder->settled);
    pthread_cond_destroy(&recorder->work);
    pthread_mutex_destroy(&recorder->lock);
    free(recorder);
}

static struct record *copy_record(struct kn_step_line *line, const char *name, const char *data)
{
    size_t name_size = strlen(name) + 1, data_size = strlen(data) + 1;
    struct record *record = kn_malloc(sizeof *record + name_size + data_size);
    char *texts = (char *)(record + 1);
    memcpy(texts, name, name_size);
    memcpy(texts + name_size, data, data_size);
    *record = (struct record){.line = line, .name = texts, .data = texts + name_size};
    return record;
}

static void wake_waiting(void *arg)
{
    struct kn_step_recorder *recorder = arg;
    KN_LOCKED(&recorder->lock);
    pthread_cond_broadcast(&recorder->settled);
}

enum kn_status kn_step_recorder_put(struct kn_step_recorder *recorder, struct kn_step_line *line,
                                    const char *name, const char *data, struct kn_cancel *cancel,
                                    struct kn_error *err)
{
    KN_SCOPED_MEM struct record *record = copy_record(line, name, data);
    struct kn_cancel_watch watch = {.wake = wake_waiting, .arg = recorder};
    kn_cancel_watch(cancel, &watch);
    pthread_mutex_lock(&recorder->lock);
    while (recorder->count >= recorder->options.capacity && !kn_cancel_requested(cancel))
        pthread_cond_wait(&recorder->settled, &recorder->lock);
    if (recorder->count < recorder->options.capacity) {
        line->waiting++;
        recorder->count++;
        *recorder->last = record;
        recorder->last = &record->next;
        record = NULL;
        pthread_cond_signal(&recorder->work);
    }
    pthread_mutex_unlock(&recorder->lock);
    kn_cancel_unwatch(cancel, &watch);
    return record ? kn_cancel_check(cancel, err) : KN_OK;
}

void kn_step_recorder_flush(struct kn_step_recorder *recorder, struct kn_step_line *line)
{
    KN_LOCKED(&recorder->lock);
    while (line->waiting)
        pthread_cond_wait(&recorder->settled, &recorder->lock);
}

void kn_step_recorder_drop(struct kn_step_recorder *recorder, struct kn_step_line *line)
{
    KN_LOCKED(&recorder->lock);
    line->dropped = true;
    pthread_cond_signal(&recorder->work);
}
