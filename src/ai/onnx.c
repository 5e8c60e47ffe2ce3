/*
 * One runtime a process: a second environment would only share the first one's state, and two
 * different builds of the library in one process are asking for trouble. The library stays mapped
 * after the last close, because threads that ran in it may still have its thread-local destructors
 * to call.
 *
 * The CPU arena stays on: without it every run faults fresh pages in, which costs up to 2.6 times
 * the time for the decoder's steps. It never shrinks, so callers bound the size of what they run.
 */
#include "ai/onnx.h"

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ai/library.h"
#include "ai/models.h"
#include "ai/onnx_table.h"
#include "base/file.h"

struct kn_onnx {
    struct ort_table ort; /* immutable once open, as is all but `users` */
    struct ort_env *env;
    struct ort_memory_info *memory;
    struct ort_allocator *allocator; /* the library's own */
    char version[32];
    int users; /* protected by shared_lock */
};

struct kn_onnx_session {
    struct kn_onnx *onnx;
    struct ort_session *ort;
    char name[64];
};

static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kn_onnx *shared; /* protected by shared_lock; NULL while nobody uses it */

/* Turns a status of the library into an error and releases it. */
static enum kn_status check(struct kn_onnx *onnx, struct ort_status *failed, const char *what,
                            struct kn_error *err)
{
    if (!failed)
        return KN_OK;
    char text[256];
    snprintf(text, sizeof text, "%s", onnx->ort.error_message(failed));
    text[strcspn(text, "\n")] = '\0';
    onnx->ort.release_status(failed);
    return kn_error_set(err, KN_INTERNAL, "%s: %s", what, text);
}

/* Loading the library */

static void *load_system_library(void)
{
    static const char *const names[] = {"libonnxruntime.so.1", "libonnxruntime.so"};
    void *library = NULL;
    for (size_t i = 0; !library && i < KN_COUNT_OF(names); i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

/* A file that is not to be trusted or damaged is an error even where the system has a library of
 * its own: somebody put it there to be used. */
static enum kn_status load_file(const char *path, void **ret_library, char *reason, size_t room,
                                struct kn_error *err)
{
    enum kn_status status = kn_file_trust(path, err);
    if (status == KN_OK)
        status = kn_library_check(path, err);
    if (status != KN_OK)
        return status;
    *ret_library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!*ret_library)
        snprintf(reason, room, "%s", dlerror());
    return KN_OK;
}

static enum kn_status load_library(const char *models, void **ret_library, struct kn_error *err)
{
    char reason[256] = "";
    struct kn_arena *arena = kn_arena_new();
    const char *path;
    void *library = NULL;
    enum kn_status found = kn_model_find(models, KN_MODEL_RUNTIME, arena, &path, err);
    enum kn_status status = KN_OK;
    if (found == KN_OK)
        status = load_file(path, &library, reason, sizeof reason, err);
    kn_arena_free(arena);
    if (status != KN_OK)
        return status;
    if (!library)
        library = load_system_library();
    if (!library && found == KN_OK)
        return kn_error_set(err, KN_MISSING, "ONNX Runtime cannot be loaded: %s", reason);
    if (!library)
        return found;
    *ret_library = library;
    return KN_OK;
}

enum kn_status kn_onnx_available(const char *models, const enum kn_model *needed, int count,
                                 struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    const char *path;
    enum kn_status status = kn_model_find(models, KN_MODEL_RUNTIME, arena, &path, err);
    void *library = status == KN_OK ? NULL : load_system_library();
    if (library) {
        dlclose(library);
        status = KN_OK;
    }
    for (int i = 0; i < count && status == KN_OK; i++)
        status = kn_model_find(models, needed[i], arena, &path, err);
    kn_arena_free(arena);
    return status;
}

static enum kn_status bind_table(struct kn_onnx *onnx, void *library, struct kn_error *err)
{
    const struct ort_base *(*get_base)(void);
    void *symbol = dlsym(library, "OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof get_base); /* ISO C has no cast from data to function */
    const struct ort_base *base = symbol ? get_base() : NULL;
    if (!base)
        return kn_error_set(err, KN_MISSING, "the library that was found is not ONNX Runtime");
    snprintf(onnx->version, sizeof onnx->version, "%s", base->version_string());
    const char *api = base->get_api(ORT_API_VERSION);
    if (!api)
        return kn_error_set(err, KN_MISSING, "ONNX Runtime %s is too old: 1.%d or newer is needed",
                            onnx->version, ORT_API_VERSION);
#define READ_SLOT(slot, type, name, args)                                                          \
    memcpy(&onnx->ort.name, api + (slot) * sizeof(void *), sizeof(void *));
    ORT_SLOTS(READ_SLOT)
#undef READ_SLOT
    return KN_OK;
}

static void free_runtime(struct kn_onnx *onnx)
{
    if (onnx->memory)
        onnx->ort.release_memory_info(onnx->memory);
    if (onnx->env)
        onnx->ort.release_env(onnx->env);
    free(onnx);
}

static enum kn_status load_runtime(const char *models, struct kn_onnx **ret_onnx,
                                   struct kn_error *err)
{
    void *library;
    enum kn_status status = load_library(models, &library, err);
    if (status != KN_OK)
        return status;
    struct kn_onnx *onnx = kn_calloc(1, sizeof *onnx);
    status = bind_table(onnx, library, err);
    if (status == KN_OK)
        status = check(onnx, onnx->ort.create_env(ORT_LOG_ERROR, "kirinuki", &onnx->env),
                       "ONNX Runtime does not start", err);
    if (status == KN_OK)
        status = check(
            onnx,
            onnx->ort.create_memory_info(ORT_ALLOCATOR_ARENA, ORT_MEMORY_DEFAULT, &onnx->memory),
            "ONNX Runtime has no CPU memory", err);
    if (status == KN_OK)
        status = check(onnx, onnx->ort.default_allocator(&onnx->allocator),
                       "ONNX Runtime has no allocator", err);
    if (status == KN_OK)
        *ret_onnx = onnx;
    else
        free_runtime(onnx);
    return status;
}

enum kn_status kn_onnx_open(const char *models, struct kn_onnx **ret_onnx, struct kn_error *err)
{
    enum kn_status status = KN_OK;
    pthread_mutex_lock(&shared_lock);
    if (!shared)
        status = load_runtime(models, &shared, err);
    if (status == KN_OK) {
        shared->users++;
        *ret_onnx = shared;
    }
    pthread_mutex_unlock(&shared_lock);
    return status;
}

static void keep_open(struct kn_onnx *onnx)
{
    pthread_mutex_lock(&shared_lock);
    onnx->users++;
    pthread_mutex_unlock(&shared_lock);
}

void kn_onnx_close(struct kn_onnx *onnx)
{
    if (!onnx)
        return;
    pthread_mutex_lock(&shared_lock);
    assert(onnx == shared && onnx->users > 0);
    if (--onnx->users == 0) {
        free_runtime(onnx);
        shared = NULL;
    }
    pthread_mutex_unlock(&shared_lock);
}

const char *kn_onnx_version(const struct kn_onnx *onnx)
{
    return onnx->version;
}

/* Sessions */

static enum kn_status make_options(struct kn_onnx *onnx, const char *const *config,
                                   struct ort_options **ret_options, struct kn_error *err)
{
    const struct ort_table *ort = &onnx->ort;
    struct ort_options *options;
    enum kn_status status = check(onnx, ort->create_options(&options), "no session options", err);
    if (status != KN_OK)
        return status;
    struct ort_status *failed = ort->set_intra_threads(options, 1);
    if (!failed)
        failed = ort->set_inter_threads(options, 1);
    if (!failed)
        failed = ort->set_graph_optimization(options, ORT_OPTIMIZE_ALL);
    for (; !failed && config && config[0]; config += 2)
        failed = ort->add_config(options, config[0], config[1]);
    status = check(onnx, failed, "a session option is not known", err);
    if (status == KN_OK)
        *ret_options = options;
    else
        ort->release_options(options);
    return status;
}

typedef struct ort_status *count_fn(const struct ort_session *, size_t *);
typedef struct ort_status *name_fn(const struct ort_session *, size_t, struct ort_allocator *,
                                   char **);

static bool has_name(const struct kn_onnx_session *session, count_fn *count_names,
                     name_fn *get_name, const char *wanted)
{
    struct kn_onnx *onnx = session->onnx;
    size_t count = 0;
    if (check(onnx, count_names(session->ort, &count), "", NULL) != KN_OK)
        return false;
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        char *name;
        if (check(onnx, get_name(session->ort, i, onnx->allocator, &name), "", NULL) != KN_OK)
            return false;
        found = strcmp(name, wanted) == 0;
        (void)check(onnx, onnx->ort.allocator_free(onnx->allocator, name), "", NULL);
    }
    return found;
}

bool kn_onnx_session_gives(const struct kn_onnx_session *session, const char *output)
{
    return has_name(session, session->onnx->ort.output_count, session->onnx->ort.output_name,
                    output);
}

static bool takes(const struct kn_onnx_session *session, const char *input)
{
    return has_name(session, session->onnx->ort.input_count, session->onnx->ort.input_name, input);
}

static enum kn_status check_names(const struct kn_onnx_session *session,
                                  const struct kn_onnx_model *model, struct kn_error *err)
{
    for (const char *const *name = model->inputs; name && *name; name++)
        if (!takes(session, *name))
            return kn_error_set(err, KN_DAMAGED,
                                "%s is another model than expected: it takes no %s", model->name,
                                *name);
    for (const char *const *name = model->outputs; name && *name; name++)
        if (!kn_onnx_session_gives(session, *name))
            return kn_error_set(err, KN_DAMAGED,
                                "%s is another model than expected: it gives no %s", model->name,
                                *name);
    return KN_OK;
}

enum kn_status kn_onnx_session_open(struct kn_onnx *onnx, const struct kn_onnx_model *model,
                                    struct kn_onnx_session **ret_session, struct kn_error *err)
{
    struct ort_options *options;
    enum kn_status status = make_options(onnx, model->config, &options, err);
    if (status != KN_OK)
        return status;
    struct kn_onnx_session *session = kn_calloc(1, sizeof *session);
    session->onnx = onnx;
    keep_open(onnx);
    snprintf(session->name, sizeof session->name, "%s", model->name);
    char what[128];
    snprintf(what, sizeof what, "%s cannot be used", session->name);
    const struct ort_table *ort = &onnx->ort;
    status = check(onnx,
                   model->path ? ort->create_session(onnx->env, model->path, options, &session->ort)
                               : ort->create_session_from_array(onnx->env, model->data, model->size,
                                                                options, &session->ort),
                   what, err);
    ort->release_options(options);
    if (status != KN_OK)
        status = kn_error_set(err, KN_DAMAGED, "%s", err ? err->text : "");
    else
        status = check_names(session, model, err);
    if (status == KN_OK)
        *ret_session = session;
    else
        kn_onnx_session_close(session);
    return status;
}

void kn_onnx_session_close(struct kn_onnx_session *session)
{
    if (!session)
        return;
    if (session->ort)
        session->onnx->ort.release_session(session->ort);
    kn_onnx_close(session->onnx);
    free(session);
}

/* Values. A kn_onnx_value is the library's own object under another name. */

static struct ort_value *to_ort(const struct kn_onnx_value *value)
{
    return (struct ort_value *)value;
}

enum kn_status kn_onnx_tensor(struct kn_onnx *onnx, enum kn_onnx_type type, void *data,
                              size_t bytes, const int64_t *dims, int rank,
                              struct kn_onnx_value **ret_value, struct kn_error *err)
{
    assert(data && rank >= 0 && rank <= KN_ONNX_RANK_MAX);
    struct ort_value *value = NULL;
    enum kn_status status =
        check(onnx,
              onnx->ort.create_tensor(onnx->memory, data, bytes, rank ? dims : NULL, (size_t)rank,
                                      (int)type, &value),
              "no tensor", err);
    if (status == KN_OK)
        *ret_value = (struct kn_onnx_value *)value;
    return status;
}

void kn_onnx_value_free(struct kn_onnx *onnx, struct kn_onnx_value *value)
{
    if (value)
        onnx->ort.release_value(to_ort(value));
}

static struct ort_status *read_shape(const struct ort_table *ort, const struct ort_value *value,
                                     int *ret_type, size_t *ret_rank, int64_t *ret_dims)
{
    struct ort_shape_info *shape;
    struct ort_status *failed = ort->tensor_shape(value, &shape);
    if (failed)
        return failed;
    failed = ort->element_type(shape, ret_type);
    if (!failed)
        failed = ort->rank(shape, ret_rank);
    if (!failed && *ret_rank <= KN_ONNX_RANK_MAX)
        failed = ort->dims(shape, ret_dims, *ret_rank);
    ort->release_shape(shape);
    return failed;
}

enum kn_status kn_onnx_floats(struct kn_onnx *onnx, const struct kn_onnx_value *value,
                              const char *name, int64_t *dims, int rank, const float **ret_floats,
                              struct kn_error *err)
{
    assert(rank <= KN_ONNX_RANK_MAX);
    int type;
    size_t got_rank;
    int64_t got[KN_ONNX_RANK_MAX];
    enum kn_status status =
        check(onnx, read_shape(&onnx->ort, to_ort(value), &type, &got_rank, got), name, err);
    if (status != KN_OK)
        return status;
    bool fits = type == KN_ONNX_FLOAT && got_rank == (size_t)rank;
    for (int i = 0; fits && i < rank; i++)
        fits = got[i] >= 0 && (dims[i] < 0 || dims[i] == got[i]);
    if (!fits)
        return kn_error_set(err, KN_DAMAGED, "the model gave a “%s” of another shape than expected",
                            name);
    void *data;
    status = check(onnx, onnx->ort.tensor_data(to_ort(value), &data), name, err);
    if (status != KN_OK)
        return status;
    memcpy(dims, got, sizeof *dims * (size_t)rank);
    *ret_floats = data;
    return KN_OK;
}

/* Running */

static void terminate_call(void *arg)
{
    struct kn_onnx_call *call = arg;
    (void)check(call->onnx, call->onnx->ort.terminate(call->options), "", NULL);
}

enum kn_status kn_onnx_call_begin(struct kn_onnx *onnx, struct kn_cancel *cancel,
                                  struct kn_onnx_call *call, struct kn_error *err)
{
    struct ort_run_options *options;
    enum kn_status status =
        check(onnx, onnx->ort.create_run_options(&options), "no run options", err);
    if (status != KN_OK)
        return status;
    *call = (struct kn_onnx_call){.onnx = onnx, .cancel = cancel, .options = options};
    call->watch = (struct kn_cancel_watch){.wake = terminate_call, .arg = call};
    kn_cancel_watch(cancel, &call->watch);
    return KN_OK;
}

void kn_onnx_call_end(struct kn_onnx_call *call)
{
    kn_cancel_unwatch(call->cancel, &call->watch);
    call->onnx->ort.release_run_options(call->options);
    call->options = NULL;
}

enum kn_status kn_onnx_run(struct kn_onnx_session *session, struct kn_onnx_call *call,
                           const struct kn_onnx_io *inputs, int input_count,
                           struct kn_onnx_io *outputs, int output_count, struct kn_error *err)
{
    assert(input_count <= KN_ONNX_IO_MAX && output_count <= KN_ONNX_IO_MAX);
    const char *in_names[KN_ONNX_IO_MAX], *out_names[KN_ONNX_IO_MAX];
    const struct ort_value *in[KN_ONNX_IO_MAX];
    struct ort_value *out[KN_ONNX_IO_MAX];
    for (int i = 0; i < input_count; i++) {
        in_names[i] = inputs[i].name;
        in[i] = to_ort(inputs[i].value);
    }
    for (int i = 0; i < output_count; i++) {
        assert(!outputs[i].value);
        out_names[i] = outputs[i].name;
        out[i] = NULL;
    }
    struct kn_onnx *onnx = session->onnx;
    struct ort_status *failed =
        onnx->ort.run(session->ort, call ? call->options : NULL, in_names, in, (size_t)input_count,
                      out_names, (size_t)output_count, out);
    enum kn_status status = check(onnx, failed, session->name, err);
    if (status != KN_OK && call && kn_cancel_requested(call->cancel))
        status = kn_error_set(err, KN_CANCELLED, "stopped by request");
    for (int i = 0; i < output_count; i++) {
        if (status == KN_OK)
            outputs[i].value = (struct kn_onnx_value *)out[i];
        else
            onnx->ort.release_value(out[i]);
    }
    return status;
}
