/*
 * A ring under one lock. Who has to wait watches its cancel token for that time only: the usual
 * send or receive costs one lock and at most one wakeup.
 */
#include <kirinuki/channel.h>

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/sync.h"

struct kn_channel {
    size_t item_bytes, capacity;
    pthread_mutex_t lock;
    pthread_cond_t room, items;
    /* Protected by `lock`. */
    bool closed;
    size_t first, count;
    unsigned char *ring; /* capacity * item_bytes */
};

struct kn_channel *kn_channel_new(size_t item_bytes, size_t capacity)
{
    assert(item_bytes >= 1 && capacity >= 1 && capacity <= SIZE_MAX / item_bytes);
    struct kn_channel *channel = kn_calloc(1, sizeof *channel);
    channel->item_bytes = item_bytes;
    channel->capacity = capacity;
    channel->ring = kn_malloc(item_bytes * capacity);
    pthread_mutex_init(&channel->lock, NULL);
    kn_cond_init(&channel->room);
    kn_cond_init(&channel->items);
    return channel;
}

void kn_channel_free(struct kn_channel *channel)
{
    if (!channel)
        return;
    pthread_cond_destroy(&channel->items);
    pthread_cond_destroy(&channel->room);
    pthread_mutex_destroy(&channel->lock);
    free(channel->ring);
    free(channel);
}

/* One attempt under the lock; KN_LIMIT: it has to wait. */
static enum kn_status put(struct kn_channel *channel, const void *item)
{
    if (channel->closed)
        return KN_END;
    if (channel->count == channel->capacity)
        return KN_LIMIT;
    size_t at = channel->first + channel->count;
    if (at >= channel->capacity)
        at -= channel->capacity;
    memcpy(channel->ring + at * channel->item_bytes, item, channel->item_bytes);
    channel->count++;
    pthread_cond_signal(&channel->items);
    return KN_OK;
}

static enum kn_status take(struct kn_channel *channel, void *ret_item)
{
    if (!channel->count)
        return channel->closed ? KN_END : KN_LIMIT;
    memcpy(ret_item, channel->ring + channel->first * channel->item_bytes, channel->item_bytes);
    if (++channel->first == channel->capacity)
        channel->first = 0;
    channel->count--;
    pthread_cond_signal(&channel->room);
    return KN_OK;
}

/* A send or a receive: `sent` or `received` is set. */
struct transfer {
    struct kn_channel *channel;
    const void *sent;
    void *received;
};

static enum kn_status attempt(const struct transfer *t)
{
    return t->sent ? put(t->channel, t->sent) : take(t->channel, t->received);
}

static void wake_all(void *arg)
{
    struct kn_channel *channel = arg;
    KN_LOCKED(&channel->lock);
    pthread_cond_broadcast(&channel->room);
    pthread_cond_broadcast(&channel->items);
}

static enum kn_status wait_for(const struct transfer *t, struct kn_cancel *cancel)
{
    struct kn_channel *channel = t->channel;
    pthread_cond_t *turn = t->sent ? &channel->room : &channel->items;
    struct kn_cancel_watch watch = {.wake = wake_all, .arg = channel};
    enum kn_status status;

    kn_cancel_watch(cancel, &watch);
    pthread_mutex_lock(&channel->lock);
    for (;;) {
        if (kn_cancel_requested(cancel)) {
            /* A wakeup meant for somebody who goes on may have come here: hand it on. */
            pthread_cond_signal(turn);
            status = KN_CANCELLED;
            break;
        }
        status = attempt(t);
        if (status != KN_LIMIT)
            break;
        pthread_cond_wait(turn, &channel->lock);
    }
    pthread_mutex_unlock(&channel->lock);
    kn_cancel_unwatch(cancel, &watch);
    return status;
}

static enum kn_status attempt_locked(const struct transfer *t)
{
    KN_LOCKED(&t->channel->lock);
    return attempt(t);
}

static enum kn_status pass(const struct transfer *t, struct kn_cancel *cancel)
{
    if (kn_cancel_requested(cancel))
        return KN_CANCELLED;
    enum kn_status status = attempt_locked(t);
    return status == KN_LIMIT ? wait_for(t, cancel) : status;
}

enum kn_status kn_channel_send(struct kn_channel *channel, const void *item,
                               struct kn_cancel *cancel)
{
    return pass(&(struct transfer){.channel = channel, .sent = item}, cancel);
}

enum kn_status kn_channel_recv(struct kn_channel *channel, void *ret_item, struct kn_cancel *cancel)
{
    return pass(&(struct transfer){.channel = channel, .received = ret_item}, cancel);
}

enum kn_status kn_channel_try_send(struct kn_channel *channel, const void *item)
{
    return attempt_locked(&(struct transfer){.channel = channel, .sent = item});
}

enum kn_status kn_channel_try_recv(struct kn_channel *channel, void *ret_item)
{
    return attempt_locked(&(struct transfer){.channel = channel, .received = ret_item});
}

void kn_channel_close(struct kn_channel *channel)
{
    KN_LOCKED(&channel->lock);
    channel->closed = true;
    pthread_cond_broadcast(&channel->room);
    pthread_cond_broadcast(&channel->items);
}

size_t kn_channel_count(struct kn_channel *channel)
{
    KN_LOCKED(&channel->lock);
    return channel->count;
}
