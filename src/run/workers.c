#include "run/workers.h"

#include <assert.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/sync.h"

static _Thread_local struct kn_worker *self;

struct kn_worker *kn_worker_self(const struct kn_workers *workers)
{
    return self && self->workers == workers ? self : NULL;
}

/* ---- threads ---- */

static int take_number(struct kn_lane_workers *lane)
{
    for (int i = 0; i < lane->numbers.count; i++)
        if (!lane->numbers.at[i]) {
            lane->numbers.at[i] = true;
            return i;
        }
    kn_vec_push(&lane->numbers, true);
    return lane->numbers.count - 1;
}

static void *worker_main(void *arg);

/* With the lock. The new thread holds a place from the start. Returns an errno. */
static int start_worker(struct kn_workers *workers, enum kn_lane lane_index)
{
    struct kn_lane_workers *lane = &workers->lanes[lane_index];
    struct kn_worker *worker = kn_calloc(1, sizeof *worker);
    worker->workers = workers;
    worker->lane = lane_index;
    worker->number = take_number(lane);
    kn_cond_init(&worker->wake);
    char name[32];
    snprintf(name, sizeof name, "kn-%s-%d", kn_lane_name(lane_index), worker->number);
    int failed = kn_thread_start(&worker->thread, name, worker_main, worker);
    if (failed) {
        lane->numbers.at[worker->number] = false;
        pthread_cond_destroy(&worker->wake);
        free(worker);
        return failed;
    }
    lane->busy++;
    lane->threads++;
    workers->threads++;
    return 0;
}

static void join_retired(struct kn_worker *worker)
{
    if (!worker)
        return;
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->wake);
    for (int i = 0; i < worker->scratch.count; i++)
        kn_arena_free(worker->scratch.at[i]);
    kn_vec_free(&worker->scratch);
    free(worker);
}

/* ---- lines ---- */

void kn_line_init(struct kn_line *line, int64_t rank)
{
    line->rank = rank;
    kn_list_init(&line->items);
}

/* The place of a line among those of its lane. The first lines are the ones that move, so the
 * search begins there; a new plan's place is most often the last. */
static struct kn_link *place_of(struct kn_link *queue, const struct kn_line *line)
{
    if (kn_list_empty(queue) ||
        KN_CONTAINER(queue->prev, struct kn_line, in_lane)->rank <= line->rank)
        return queue;
    struct kn_link *at = queue->next;
    while (KN_CONTAINER(at, struct kn_line, in_lane)->rank <= line->rank)
        at = at->next;
    return at;
}

static struct kn_line *line_of(struct kn_workers *workers, const struct kn_item *item)
{
    return item->line ? item->line : &workers->lanes[item->lane].ahead;
}

/* NULL: nothing waits. */
static struct kn_item *first_item(const struct kn_lane_workers *lane)
{
    if (kn_list_empty(&lane->queue))
        return NULL;
    struct kn_line *line = KN_CONTAINER(lane->queue.next, struct kn_line, in_lane);
    return KN_CONTAINER(line->items.next, struct kn_item, in_line);
}

/* ---- places ---- */

/* Sees to it that the first item of the lane finds a thread, as far as there are places. */
static void call_worker(struct kn_workers *workers, enum kn_lane lane_index)
{
    struct kn_lane_workers *lane = &workers->lanes[lane_index];
    const struct kn_item *first = first_item(lane);
    if (!first || (lane->busy >= lane->places && !first->urgent))
        return;
    struct kn_worker *worker = lane->idle;
    if (!worker) {
        /* On failure the item waits for one of the threads that are there. */
        (void)start_worker(workers, lane_index);
        return;
    }
    lane->idle = worker->next_idle;
    lane->idle_count--;
    lane->busy++;
    worker->woken = true;
    pthread_cond_signal(&worker->wake);
}

void kn_worker_block(struct kn_worker *worker)
{
    if (!worker)
        return;
    worker->workers->lanes[worker->lane].busy--;
    call_worker(worker->workers, worker->lane);
}

/* At once, even if the lane is over its places then: the next thread to finish goes idle. */
void kn_worker_resume(struct kn_worker *worker)
{
    if (worker)
        worker->workers->lanes[worker->lane].busy++;
}

void kn_workers_push(struct kn_workers *workers, struct kn_item *item, const struct kn_worker *by)
{
    struct kn_link *queue = &workers->lanes[item->lane].queue;
    bool taken_next = by && by->lane == item->lane && kn_list_empty(queue);
    assert(!item->queued && !workers->closing);
    item->queued = true;
    struct kn_line *line = line_of(workers, item);
    if (kn_list_empty(&line->items))
        kn_list_add(place_of(queue, line), &line->in_lane);
    kn_list_add(item->urgent ? line->items.next : &line->items, &item->in_line);
    if (item->group)
        kn_list_add(item->group, &item->in_group);
    if (!taken_next)
        call_worker(workers, item->lane);
}

void kn_workers_remove(struct kn_workers *workers, struct kn_item *item)
{
    assert(item->queued);
    item->queued = false;
    kn_list_remove(&item->in_line);
    struct kn_line *line = line_of(workers, item);
    if (kn_list_empty(&line->items))
        kn_list_remove(&line->in_lane);
    if (item->group)
        kn_list_remove(&item->in_group);
}

static struct kn_item *take_item(struct kn_worker *worker)
{
    struct kn_lane_workers *lane = &worker->workers->lanes[worker->lane];
    struct kn_item *item = first_item(lane);
    if (!item || (lane->busy > lane->places && !item->urgent))
        return NULL;
    kn_workers_remove(worker->workers, item);
    return item;
}

/* With the lock: gives the place back and waits for a call. False: the thread is to leave. */
static bool wait_idle(struct kn_worker *worker)
{
    struct kn_workers *workers = worker->workers;
    struct kn_lane_workers *lane = &workers->lanes[worker->lane];
    lane->busy--;
    if (workers->closing || lane->idle_count >= lane->places)
        return false;
    worker->next_idle = lane->idle;
    lane->idle = worker;
    lane->idle_count++;
    while (!worker->woken)
        pthread_cond_wait(&worker->wake, &workers->lock);
    worker->woken = false;
    return true;
}

static void *worker_main(void *arg)
{
    struct kn_worker *worker = self = arg;
    struct kn_workers *workers = worker->workers;
    struct kn_lane_workers *lane = &workers->lanes[worker->lane];
    pthread_mutex_lock(&workers->lock);
    do {
        struct kn_item *item;
        while ((item = take_item(worker))) {
            pthread_mutex_unlock(&workers->lock);
            item->run(item, worker);
            pthread_mutex_lock(&workers->lock);
        }
    } while (wait_idle(worker));
    lane->numbers.at[worker->number] = false;
    lane->threads--;
    workers->threads--;
    worker->older = workers->retired;
    workers->retired = worker;
    struct kn_worker *older = worker->older;
    pthread_cond_broadcast(&workers->left);
    pthread_mutex_unlock(&workers->lock);
    join_retired(older);
    return NULL;
}

/* ---- life ---- */

static void init(struct kn_workers *workers, const int places[KN_LANE_COUNT])
{
    *workers = (struct kn_workers){0};
    pthread_mutex_init(&workers->lock, NULL);
    kn_cond_init(&workers->left);
    for (int i = 0; i < KN_LANE_COUNT; i++) {
        workers->lanes[i].places = places[i];
        kn_list_init(&workers->lanes[i].queue);
        kn_line_init(&workers->lanes[i].ahead, INT64_MIN);
    }
}

enum kn_status kn_workers_open(struct kn_workers *workers, const int places[KN_LANE_COUNT],
                               struct kn_error *err)
{
    init(workers, places);
    int failed = 0;
    pthread_mutex_lock(&workers->lock);
    for (int i = 0; i < KN_LANE_COUNT && !failed; i++)
        if (places[i] > 0)
            failed = start_worker(workers, (enum kn_lane)i);
    pthread_mutex_unlock(&workers->lock);
    if (!failed)
        return KN_OK;
    kn_workers_close(workers);
    return kn_error_errno(err, failed, "cannot start a thread");
}

void kn_workers_close(struct kn_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    workers->closing = true;
    for (int i = 0; i < KN_LANE_COUNT; i++) {
        struct kn_lane_workers *lane = &workers->lanes[i];
        for (struct kn_worker *worker = lane->idle; worker; worker = worker->next_idle) {
            worker->woken = true;
            lane->busy++;
            pthread_cond_signal(&worker->wake);
        }
        lane->idle = NULL;
    }
    while (workers->threads)
        pthread_cond_wait(&workers->left, &workers->lock);
    pthread_mutex_unlock(&workers->lock);
    join_retired(workers->retired); /* which has joined the one before, and so on */
    for (int i = 0; i < KN_LANE_COUNT; i++)
        kn_vec_free(&workers->lanes[i].numbers);
    pthread_cond_destroy(&workers->left);
    pthread_mutex_destroy(&workers->lock);
}
