/*
 * Producers stand in line for room, so that a large unit is not overtaken for ever by small ones.
 * The thread takes the whole queue at once: the longer a commit takes, the more goes into the next
 * one. Units have numbers; what was put before a flush is what has a lower one.
 */
#include <kirinuki/database.h>

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"
#include "base/sync.h"
#include "base/vec.h"

enum { DEFAULT_CAPACITY = 1024 };

/* One allocation with everything it points to behind it. */
struct unit {
    struct unit *next;
    int count;
    struct kn_operation operations[];
};

struct producer {
    struct kn_link link;
    pthread_cond_t turn;
};

struct kn_writer {
    struct kn_database *database;
    struct kn_writer_options options;
    pthread_t thread;

    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t work;  /* for the thread */
    pthread_cond_t wrote; /* for flushes */
    /* Protected by `lock`. */
    struct kn_link producers; /* that wait for room */
    struct unit *first, **last;
    int queued;           /* operations */
    int64_t put, settled; /* units so far */
    bool closing;
    bool failed;
    struct kn_error why; /* the first failure since the last flush */

    /* The thread's own. */
    struct kn_arena *arena;
    KN_VEC(struct kn_operation) group;
};

/* ---- copying ---- */

struct copying {
    char *at; /* NULL: only counts */
    size_t size;
};

static void *place(struct copying *copying, const void *data, size_t size)
{
    void *to = copying->at ? copying->at + copying->size : NULL;
    if (to && size)
        memcpy(to, data, size);
    copying->size += (size + 15) / 16 * 16;
    return to;
}

static const char *place_text(struct copying *copying, const char *text)
{
    return text ? place(copying, text, strlen(text) + 1) : NULL;
}

static void place_texts(struct copying *copying, const struct kn_value *from, struct kn_value *to)
{
    const char **texts = place(copying, from->texts, (size_t)from->count * sizeof *from->texts);
    for (int i = 0; i < from->count; i++) {
        const char *copy = place_text(copying, from->texts[i]);
        if (texts)
            texts[i] = copy;
    }
    to->texts = texts;
}

static void place_value(struct copying *copying, const struct kn_value *from, struct kn_value *to)
{
    *to = *from;
    if (from->type == KN_VALUE_TEXT)
        to->text = place_text(copying, from->text);
    else if (from->type == KN_VALUE_INTEGERS)
        to->integers = place(copying, from->integers, (size_t)from->count * sizeof *from->integers);
    else if (from->type == KN_VALUE_TEXTS)
        place_texts(copying, from, to);
}

static void place_values(struct copying *copying, const struct kn_operation *from,
                         struct kn_operation *to)
{
    struct kn_value *values =
        place(copying, from->values, (size_t)from->value_count * sizeof *from->values);
    for (int i = 0; i < from->value_count; i++) {
        struct kn_value copy;
        place_value(copying, &from->values[i], &copy);
        if (values)
            values[i] = copy;
    }
    *to = (struct kn_operation){
        .statement = from->statement, .value_count = from->value_count, .values = values};
}

static struct unit *copy_unit(const struct kn_operation *operations, int count)
{
    struct copying counting = {0};
    struct kn_operation ignored;
    for (int i = 0; i < count; i++)
        place_values(&counting, &operations[i], &ignored);
    size_t head = sizeof(struct unit) + (size_t)count * sizeof(struct kn_operation);
    head = (head + 15) / 16 * 16;
    struct unit *unit = kn_calloc(1, head + counting.size);
    struct copying copying = {.at = (char *)unit + head};
    unit->count = count;
    for (int i = 0; i < count; i++)
        place_values(&copying, &operations[i], &unit->operations[i]);
    assert(copying.size == counting.size);
    return unit;
}

/* ---- the thread ---- */

static void note_failure(struct kn_writer *writer, const struct kn_error *why)
{
    pthread_mutex_lock(&writer->lock);
    if (!writer->failed)
        writer->why = *why;
    writer->failed = true;
    pthread_mutex_unlock(&writer->lock);
    if (writer->options.failed)
        writer->options.failed(writer->options.arg, why);
}

static enum kn_status write_operations(struct kn_writer *writer, struct kn_operation *operations,
                                       int count, struct kn_error *why)
{
    enum kn_status status =
        kn_batch_run(writer->database, operations, count, writer->arena, NULL, why);
    kn_arena_reset(writer->arena);
    return status;
}

static enum kn_status write_together(struct kn_writer *writer, const struct unit *units,
                                     struct kn_error *why)
{
    kn_vec_clear(&writer->group);
    for (const struct unit *unit = units; unit; unit = unit->next)
        for (int i = 0; i < unit->count; i++)
            kn_vec_push(&writer->group, unit->operations[i]);
    return write_operations(writer, writer->group.at, writer->group.count, why);
}

/* Nothing that is tried right afterwards would fare better. */
static bool concerns_all(enum kn_status status)
{
    return status == KN_REMOTE || status == KN_TIMEOUT || status == KN_NO_SPACE;
}

static void write_one_by_one(struct kn_writer *writer, struct unit *units)
{
    struct kn_error why = {0};
    for (struct unit *unit = units; unit; unit = unit->next) {
        enum kn_status status = KN_OK;
        if (!concerns_all(why.status))
            status = write_operations(writer, unit->operations, unit->count, &why);
        else
            status = why.status;
        if (status != KN_OK)
            note_failure(writer, &why);
    }
}

static void write_units(struct kn_writer *writer, struct unit *units)
{
    struct kn_error why;
    enum kn_status status = write_together(writer, units, &why);
    if (status == KN_OK)
        return;
    /* What may have been written is not written again; what can't be now is not tried for each. */
    if (status != KN_LOST && !concerns_all(status) && units->next) {
        write_one_by_one(writer, units);
        return;
    }
    for (const struct unit *unit = units; unit; unit = unit->next)
        note_failure(writer, &why);
}

static int free_units(struct unit *units)
{
    int count = 0;
    while (units) {
        struct unit *next = units->next;
        free(units);
        units = next;
        count++;
    }
    return count;
}

static void wake_first_producer(struct kn_writer *writer)
{
    if (!kn_list_empty(&writer->producers))
        pthread_cond_signal(&KN_CONTAINER(writer->producers.next, struct producer, link)->turn);
}

/* NULL: closed, and nothing is left. */
static struct unit *take_units(struct kn_writer *writer)
{
    KN_LOCKED(&writer->lock);
    while (!writer->first && !writer->closing)
        pthread_cond_wait(&writer->work, &writer->lock);
    struct unit *units = writer->first;
    writer->first = NULL;
    writer->last = &writer->first;
    writer->queued = 0;
    wake_first_producer(writer);
    return units;
}

static void *write_behind(void *arg)
{
    struct kn_writer *writer = arg;
    struct unit *units;
    while ((units = take_units(writer))) {
        write_units(writer, units);
        int count = free_units(units);
        KN_LOCKED(&writer->lock);
        writer->settled += count;
        pthread_cond_broadcast(&writer->wrote);
    }
    return NULL;
}

/* ---- the producers' side ---- */

enum kn_status kn_writer_open(struct kn_database *database, const struct kn_writer_options *options,
                              struct kn_writer **ret_writer, struct kn_error *err)
{
    struct kn_writer *writer = kn_calloc(1, sizeof *writer);
    writer->database = database;
    if (options)
        writer->options = *options;
    assert(writer->options.capacity >= 0);
    if (!writer->options.capacity)
        writer->options.capacity = DEFAULT_CAPACITY;
    writer->last = &writer->first;
    writer->arena = kn_arena_new();
    pthread_mutex_init(&writer->lock, NULL);
    kn_cond_init(&writer->work);
    kn_cond_init(&writer->wrote);
    kn_list_init(&writer->producers);
    int failed = kn_thread_start(&writer->thread, "kn-writer", write_behind, writer);
    if (failed) {
        writer->database = NULL; /* there is no thread to end */
        kn_writer_close(writer);
        return kn_error_errno(err, failed, "cannot start the thread that writes");
    }
    *ret_writer = writer;
    return KN_OK;
}

static void wake_all(void *arg)
{
    struct kn_writer *writer = arg;
    KN_LOCKED(&writer->lock);
    for (struct kn_link *at = writer->producers.next; at != &writer->producers; at = at->next)
        pthread_cond_signal(&KN_CONTAINER(at, struct producer, link)->turn);
    pthread_cond_broadcast(&writer->wrote);
}

/* With the lock. A unit larger than the queue is let in alone. */
static bool has_room(const struct kn_writer *writer, int count)
{
    return !writer->queued || count <= writer->options.capacity - writer->queued;
}

/* With the lock. */
static bool wait_for_room(struct kn_writer *writer, int count, struct kn_cancel *cancel)
{
    struct producer producer = {0};
    bool stopped = false;
    kn_cond_init(&producer.turn);
    kn_list_add(&writer->producers, &producer.link);
    while (!(stopped = kn_cancel_requested(cancel)) &&
           !(writer->producers.next == &producer.link && has_room(writer, count)))
        pthread_cond_wait(&producer.turn, &writer->lock);
    kn_list_remove(&producer.link);
    pthread_cond_destroy(&producer.turn);
    wake_first_producer(writer); /* there is a new first one */
    return !stopped;
}

/* With the lock. */
static void add_unit(struct kn_writer *writer, struct unit *unit)
{
    *writer->last = unit;
    writer->last = &unit->next;
    writer->queued += unit->count;
    writer->put++;
    pthread_cond_signal(&writer->work);
}

enum kn_status kn_writer_put(struct kn_writer *writer, const struct kn_operation *operations,
                             int count, struct kn_cancel *cancel, struct kn_error *err)
{
    for (int i = 0; i < count; i++)
        assert(operations[i].statement->access == KN_WRITE);
    if (kn_cancel_check(cancel, err) != KN_OK)
        return KN_CANCELLED;
    if (!count)
        return KN_OK;
    KN_SCOPED_MEM struct unit *unit = copy_unit(operations, count);
    struct kn_cancel_watch watch = {.wake = wake_all, .arg = writer};
    kn_cancel_watch(cancel, &watch);
    pthread_mutex_lock(&writer->lock);
    bool room = kn_list_empty(&writer->producers) && has_room(writer, count);
    if (room || wait_for_room(writer, count, cancel))
        add_unit(writer, KN_MOVE(unit));
    pthread_mutex_unlock(&writer->lock);
    kn_cancel_unwatch(cancel, &watch);
    return unit ? kn_cancel_check(cancel, err) : KN_OK;
}

enum kn_status kn_writer_flush(struct kn_writer *writer, struct kn_cancel *cancel,
                               struct kn_error *err)
{
    struct kn_cancel_watch watch = {.wake = wake_all, .arg = writer};
    enum kn_status status = KN_OK;
    kn_cancel_watch(cancel, &watch);
    pthread_mutex_lock(&writer->lock);
    int64_t upto = writer->put;
    while (writer->settled < upto && !kn_cancel_requested(cancel))
        pthread_cond_wait(&writer->wrote, &writer->lock);
    if (writer->settled < upto) {
        status = kn_cancel_check(cancel, err);
    } else if (writer->failed) {
        writer->failed = false;
        status = kn_error_set(err, writer->why.status, "%s", writer->why.text);
    }
    pthread_mutex_unlock(&writer->lock);
    kn_cancel_unwatch(cancel, &watch);
    return status;
}

void kn_writer_close(struct kn_writer *writer)
{
    if (!writer)
        return;
    if (writer->database) {
        pthread_mutex_lock(&writer->lock);
        writer->closing = true;
        pthread_cond_signal(&writer->work);
        pthread_mutex_unlock(&writer->lock);
        pthread_join(writer->thread, NULL);
    }
    kn_vec_free(&writer->group);
    kn_arena_free(writer->arena);
    pthread_cond_destroy(&writer->wrote);
    pthread_cond_destroy(&writer->work);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}
