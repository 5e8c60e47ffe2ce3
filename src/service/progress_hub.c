#include "service/progress_hub.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sync.h"
#include "base/vec.h"
#include "service/progress_text.h"

enum { INTERVAL_MS = 500, VIEWS_MAX = 4096 };

struct entry {
    struct kn_holder holder;
    struct kn_progress *root;
    char *told; /* states and fractions as they were told last; owned; NULL: nothing yet */
};

struct kn_progress_hub {
    struct kn_store *store;
    pthread_t thread;
    struct kn_progress_view *views; /* the thread's own; room for VIEWS_MAX */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Protected by `lock`, which is held while trees are read (a tree's lock is a leaf below). */
    KN_VEC(struct entry) entries;
    int64_t worker; /* whose room it is */
    struct kn_worker_room room;
    bool has_room_news;
    bool closing;
};

/* What changes with time alone says nothing new: compared without it. */
static bool has_news(struct kn_progress_hub *hub, struct entry *entry, int count)
{
    KN_SCOPED_STR still = {0};
    for (int i = 0; i < count; i++) {
        const struct kn_progress_view *v = &hub->views[i];
        kn_str_printf(&still, "%d %d %.3f %s\n", v->id, (int)v->state, v->fraction, v->stage);
    }
    if (entry->told && strcmp(entry->told, kn_str_text(&still)) == 0)
        return false;
    free(entry->told);
    entry->told = kn_str_take(&still);
    return true;
}

/* Gathers what is new; returns how many. In the arena, so that the store is called unlocked. */
static int gather(struct kn_progress_hub *hub, struct kn_arena *arena,
                  struct kn_holder **ret_holders, const char ***ret_texts)
{
    KN_LOCKED(&hub->lock);
    size_t room = (size_t)hub->entries.count + 1;
    *ret_holders = kn_arena_array(arena, room, sizeof **ret_holders);
    *ret_texts = kn_arena_array(arena, room, sizeof **ret_texts);
    int found = 0;
    for (int i = 0; i < hub->entries.count; i++) {
        struct entry *entry = &hub->entries.at[i];
        int count = KN_MIN(kn_progress_snapshot(entry->root, hub->views, VIEWS_MAX), VIEWS_MAX);
        if (!has_news(hub, entry, count))
            continue;
        KN_SCOPED_STR text = {0};
        kn_progress_text_write(hub->views, count, kn_now_us(), &text);
        (*ret_holders)[found] = entry->holder;
        (*ret_texts)[found++] = kn_arena_strdup(arena, kn_str_text(&text));
    }
    return found;
}

static void tell_room(struct kn_progress_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    bool news = hub->has_room_news;
    int64_t worker = hub->worker;
    const struct kn_worker_room room = hub->room;
    hub->has_room_news = false;
    pthread_mutex_unlock(&hub->lock);
    struct kn_error err;
    if (news && kn_store_put_room(hub->store, worker, &room, &err) != KN_OK)
        kn_log(KN_LOG_DEBUG, "worker", "room: %s", kn_error_text(&err));
}

static void tell(struct kn_progress_hub *hub)
{
    tell_room(hub);
    struct kn_arena *arena = kn_arena_new();
    struct kn_holder *holders;
    const char **texts;
    struct kn_error err;
    int count = gather(hub, arena, &holders, &texts);
    /* What is not told now is told in half a second: nobody has to hear of it. */
    if (count && kn_store_put_progress(hub->store, holders, texts, count, &err) != KN_OK)
        kn_log(KN_LOG_DEBUG, "worker", "progress: %s", kn_error_text(&err));
    kn_arena_free(arena);
}

static void *keep_telling(void *arg)
{
    struct kn_progress_hub *hub = arg;
    int64_t next_us = kn_now_us();
    pthread_mutex_lock(&hub->lock);
    while (!hub->closing) {
        if (!hub->entries.count && !hub->has_room_news) {
            pthread_cond_wait(&hub->wake, &hub->lock);
            continue;
        }
        if (kn_now_us() < next_us) {
            (void)kn_cond_wait_until(&hub->wake, &hub->lock, next_us);
            continue;
        }
        next_us = kn_now_us() + INT64_C(1000) * INTERVAL_MS;
        pthread_mutex_unlock(&hub->lock);
        tell(hub);
        pthread_mutex_lock(&hub->lock);
    }
    pthread_mutex_unlock(&hub->lock);
    return NULL;
}

enum kn_status kn_progress_hub_open(struct kn_store *store, struct kn_progress_hub **ret_hub,
                                    struct kn_error *err)
{
    struct kn_progress_hub *hub = kn_calloc(1, sizeof *hub);
    hub->store = store;
    hub->views = kn_calloc(VIEWS_MAX, sizeof *hub->views);
    pthread_mutex_init(&hub->lock, NULL);
    kn_cond_init(&hub->wake);
    int failed = kn_thread_start(&hub->thread, "kn-hub", keep_telling, hub);
    if (failed) {
        pthread_cond_destroy(&hub->wake);
        pthread_mutex_destroy(&hub->lock);
        free(hub->views);
        free(hub);
        return kn_error_errno(err, failed, "cannot start a thread");
    }
    *ret_hub = hub;
    return KN_OK;
}

void kn_progress_hub_close(struct kn_progress_hub *hub)
{
    if (!hub)
        return;
    pthread_mutex_lock(&hub->lock);
    hub->closing = true;
    pthread_cond_signal(&hub->wake);
    pthread_mutex_unlock(&hub->lock);
    pthread_join(hub->thread, NULL);
    for (int i = 0; i < hub->entries.count; i++)
        free(hub->entries.at[i].told);
    kn_vec_free(&hub->entries);
    pthread_cond_destroy(&hub->wake);
    pthread_mutex_destroy(&hub->lock);
    free(hub->views);
    free(hub);
}

void kn_progress_hub_add(struct kn_progress_hub *hub, const struct kn_holder *holder,
                         struct kn_progress *root)
{
    KN_LOCKED(&hub->lock);
    struct entry entry = {.holder = *holder, .root = root};
    kn_vec_push(&hub->entries, entry);
    pthread_cond_signal(&hub->wake);
}

void kn_progress_hub_remove(struct kn_progress_hub *hub, struct kn_progress *root)
{
    KN_LOCKED(&hub->lock);
    for (int i = 0; i < hub->entries.count; i++) {
        if (hub->entries.at[i].root != root)
            continue;
        free(hub->entries.at[i].told);
        hub->entries.at[i] = *kn_vec_last(&hub->entries);
        hub->entries.count--;
        return;
    }
}

void kn_progress_hub_room(struct kn_progress_hub *hub, int64_t worker,
                          const struct kn_worker_room *room)
{
    KN_LOCKED(&hub->lock);
    if (hub->worker == worker && memcmp(&hub->room, room, sizeof *room) == 0)
        return;
    hub->worker = worker;
    hub->room = *room;
    hub->has_room_news = true;
    pthread_cond_signal(&hub->wake);
}
