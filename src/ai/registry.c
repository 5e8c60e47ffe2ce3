#include "ai/engine.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct kn_engine_desc *const engines[] = {
    &kn_engine_moonshine,
    &kn_engine_openai,
    NULL,
};

struct kn_engine {
    const struct kn_engine_desc *desc; /* immutable, as are settings */
    struct kn_engine_settings settings;
    int users; /* protected by live_lock, as is `next` */
    struct kn_engine *next;
    pthread_mutex_t open_lock; /* held while it opens; protects what follows */
    bool tried;
    enum kn_status opened;
    struct kn_error why;
    void *state;
};

static pthread_mutex_t live_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kn_engine *live; /* protected by live_lock */

const struct kn_engine_desc *const *kn_engines(void)
{
    return engines;
}

const struct kn_engine_desc *kn_engine_find(const char *name)
{
    for (int i = 0; engines[i]; i++)
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    return NULL;
}

bool kn_engine_knows(const struct kn_engine_desc *desc, const char *language)
{
    if (!desc->languages || !language)
        return true;
    size_t length = strcspn(language, "-_"); /* "en-GB" is English */
    for (int i = 0; desc->languages[i]; i++)
        if (strlen(desc->languages[i]) == length &&
            strncasecmp(desc->languages[i], language, length) == 0)
            return true;
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_settings(const struct kn_engine_settings *a, const struct kn_engine_settings *b)
{
    return same_text(a->models, b->models) && a->service == b->service &&
           same_text(a->model, b->model);
}

struct kn_engine *kn_engine_acquire(const struct kn_engine_desc *desc,
                                    const struct kn_engine_settings *settings)
{
    pthread_mutex_lock(&live_lock);
    struct kn_engine *engine = live;
    while (engine && !(engine->desc == desc && same_settings(&engine->settings, settings)))
        engine = engine->next;
    if (!engine) {
        engine = kn_calloc(1, sizeof *engine);
        engine->desc = desc;
        engine->settings = *settings;
        engine->settings.models = kn_strdup(settings->models);
        engine->settings.model = kn_strdup(settings->model);
        pthread_mutex_init(&engine->open_lock, NULL);
        engine->next = live;
        live = engine;
    }
    engine->users++;
    pthread_mutex_unlock(&live_lock);
    return engine;
}

static void free_engine(struct kn_engine *engine)
{
    if (engine->state)
        engine->desc->close(engine->state);
    free(engine->state);
    free((char *)engine->settings.models);
    free((char *)engine->settings.model);
    pthread_mutex_destroy(&engine->open_lock);
    free(engine);
}

void kn_engine_release(struct kn_engine *engine)
{
    if (!engine)
        return;
    pthread_mutex_lock(&live_lock);
    bool last = --engine->users == 0;
    struct kn_engine **at = &live;
    while (last && *at != engine)
        at = &(*at)->next;
    if (last)
        *at = engine->next;
    pthread_mutex_unlock(&live_lock);
    if (last)
        free_engine(engine);
}

enum kn_status kn_engine_open(struct kn_engine *engine, struct kn_error *err)
{
    pthread_mutex_lock(&engine->open_lock);
    if (!engine->tried) {
        engine->tried = true;
        engine->state = kn_calloc(1, engine->desc->state_size);
        engine->opened = engine->desc->open(engine->state, &engine->settings, &engine->why);
    }
    enum kn_status status = engine->opened;
    if (status != KN_OK && err)
        *err = engine->why;
    pthread_mutex_unlock(&engine->open_lock);
    return status;
}

enum kn_status kn_engine_run(struct kn_engine *engine, const struct kn_chunk *chunk,
                             struct kn_cancel *cancel, struct kn_arena *arena,
                             struct kn_findings *ret_findings, struct kn_error *err)
{
    enum kn_status status = kn_engine_open(engine, err);
    if (status != KN_OK)
        return status;
    assert(!chunk->text || engine->desc->aligns);
    return engine->desc->run(engine->state, chunk, cancel, arena, ret_findings, err);
}
