/*
 * A stand-in for ONNX Runtime: the slots of ai/onnx_table.h over models that are words.
 *
 * A model takes "x" and gives "y"; its bytes say how: "echo" (y is x), "int" (y is of another
 * type), "deep" (y has five dimensions), "fail" (Run fails), "wait" (Run lasts until it is
 * terminated). Slots that kirinuki does not declare abort when called. fake_live counts what was
 * made and not released. $KN_FAKE_ONNX = "old" refuses the API version, "no-base" has no API.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ai/onnx_table.h"

enum { SLOTS = 256, RANK_MAX = 8, TYPE_FLOAT = 1, TYPE_INT64 = 7 };

struct ort_status {
    char text[96];
};
struct ort_env {
    int unused;
};
struct ort_memory_info {
    int unused;
};
struct ort_options {
    int entries;
};
struct ort_allocator {
    int unused;
};
struct ort_session {
    char model[16];
};
struct ort_run_options {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool terminated; /* ThreadSanitizer does not see the locks of what dlopen brings */
};
struct ort_shape_info {
    int64_t dims[RANK_MAX];
    size_t rank;
    int type;
};
struct ort_value {
    struct ort_shape_info shape;
    void *data;
    bool owned;
};

int fake_live(void);
const struct ort_base *OrtGetApiBase(void);

static atomic_int live;
static struct ort_allocator allocator;

int fake_live(void)
{
    return atomic_load(&live);
}

static void *make(size_t size)
{
    atomic_fetch_add(&live, 1);
    return calloc(1, size);
}

static void unmake(void *at)
{
    if (at)
        atomic_fetch_sub(&live, 1);
    free(at);
}

static struct ort_status *failure(const char *text)
{
    struct ort_status *status = make(sizeof *status);
    snprintf(status->text, sizeof status->text, "%s", text);
    return status;
}

static int error_code(const struct ort_status *status)
{
    (void)status;
    return 1;
}

static const char *error_message(const struct ort_status *status)
{
    return status->text;
}

static struct ort_status *create_env(int level, const char *id, struct ort_env **ret)
{
    (void)level, (void)id;
    *ret = make(sizeof **ret);
    return NULL;
}

static struct ort_status *create_session_from_array(const struct ort_env *env, const void *data,
                                                    size_t size, const struct ort_options *options,
                                                    struct ort_session **ret)
{
    (void)env, (void)options;
    if (size >= sizeof(*ret)->model || memchr(data, '!', size))
        return failure("no model\nwith a second line");
    *ret = make(sizeof **ret);
    memcpy((*ret)->model, data, size);
    return NULL;
}

static struct ort_status *create_session(const struct ort_env *env, const char *path,
                                         const struct ort_options *options,
                                         struct ort_session **ret)
{
    return create_session_from_array(env, path, strlen(path), options, ret);
}

static struct ort_status *create_value(const int64_t *dims, size_t rank, int type,
                                       struct ort_value **ret)
{
    struct ort_value *value = make(sizeof *value);
    value->shape.rank = rank;
    value->shape.type = type;
    for (size_t i = 0; i < rank; i++)
        value->shape.dims[i] = dims[i];
    *ret = value;
    return NULL;
}

static struct ort_status *create_tensor(const struct ort_memory_info *memory, void *data,
                                        size_t bytes, const int64_t *dims, size_t rank, int type,
                                        struct ort_value **ret)
{
    (void)memory;
    size_t need = type == TYPE_INT64 ? 8 : 4;
    for (size_t i = 0; i < rank; i++)
        need *= (size_t)dims[i];
    if (need != bytes)
        return failure("the size does not fit the dims");
    create_value(dims, rank, type, ret);
    (*ret)->data = data;
    return NULL;
}

static struct ort_status *wait_for_end(const struct ort_run_options *options)
{
    struct ort_run_options *o = (struct ort_run_options *)options;
    pthread_mutex_lock(&o->lock);
    while (!o->terminated)
        pthread_cond_wait(&o->changed, &o->lock);
    pthread_mutex_unlock(&o->lock);
    return failure("Exiting due to terminate flag being set to true");
}

static struct ort_status *run(struct ort_session *session, const struct ort_run_options *options,
                              const char *const *in_names, const struct ort_value *const *in,
                              size_t in_count, const char *const *out_names, size_t out_count,
                              struct ort_value **out)
{
    static const int64_t deep[] = {1, 1, 1, 1, 1};
    if (in_count != 1 || out_count != 1 || strcmp(in_names[0], "x") || strcmp(out_names[0], "y"))
        return failure("unknown names");
    if (strcmp(session->model, "fail") == 0)
        return failure("no kernel");
    if (strcmp(session->model, "wait") == 0)
        return wait_for_end(options);
    const struct ort_shape_info *shape = &in[0]->shape;
    if (strcmp(session->model, "deep") == 0)
        return create_value(deep, 5, TYPE_FLOAT, out);
    create_value(shape->dims, shape->rank,
                 strcmp(session->model, "int") == 0 ? TYPE_INT64 : shape->type, out);
    size_t bytes = 4;
    for (size_t i = 0; i < shape->rank; i++)
        bytes *= (size_t)shape->dims[i];
    out[0]->data = malloc(bytes);
    out[0]->owned = true;
    memcpy(out[0]->data, in[0]->data, bytes);
    return NULL;
}

static struct ort_status *create_options(struct ort_options **ret)
{
    *ret = make(sizeof **ret);
    return NULL;
}

static struct ort_status *set_int(struct ort_options *options, int value)
{
    (void)options, (void)value;
    return NULL;
}

static struct ort_status *add_config(struct ort_options *options, const char *key,
                                     const char *value)
{
    (void)value;
    options->entries++;
    return strcmp(key, "bad") == 0 ? failure("unknown key") : NULL;
}

static struct ort_status *one(const struct ort_session *session, size_t *ret)
{
    (void)session;
    *ret = 1;
    return NULL;
}

static struct ort_status *input_name(const struct ort_session *session, size_t i,
                                     struct ort_allocator *from, char **ret)
{
    (void)session, (void)i, (void)from;
    *ret = memcpy(make(2), "x", 2);
    return NULL;
}

static struct ort_status *output_name(const struct ort_session *session, size_t i,
                                      struct ort_allocator *from, char **ret)
{
    (void)session, (void)i, (void)from;
    *ret = memcpy(make(2), "y", 2);
    return NULL;
}

static struct ort_status *create_run_options(struct ort_run_options **ret)
{
    *ret = make(sizeof **ret);
    pthread_mutex_init(&(*ret)->lock, NULL);
    pthread_cond_init(&(*ret)->changed, NULL);
    return NULL;
}

static struct ort_status *terminate(struct ort_run_options *options)
{
    pthread_mutex_lock(&options->lock);
    options->terminated = true;
    pthread_cond_broadcast(&options->changed);
    pthread_mutex_unlock(&options->lock);
    return NULL;
}

static struct ort_status *tensor_data(struct ort_value *value, void **ret)
{
    *ret = value->data;
    return NULL;
}

static struct ort_status *element_type(const struct ort_shape_info *shape, int *ret)
{
    *ret = shape->type;
    return NULL;
}

static struct ort_status *rank_of(const struct ort_shape_info *shape, size_t *ret)
{
    *ret = shape->rank;
    return NULL;
}

static struct ort_status *dims_of(const struct ort_shape_info *shape, int64_t *ret, size_t rank)
{
    memcpy(ret, shape->dims, rank * sizeof *ret);
    return NULL;
}

static struct ort_status *tensor_shape(const struct ort_value *value, struct ort_shape_info **ret)
{
    *ret = make(sizeof **ret);
    **ret = value->shape;
    return NULL;
}

static struct ort_status *create_memory_info(int kind, int type, struct ort_memory_info **ret)
{
    (void)kind, (void)type;
    *ret = make(sizeof **ret);
    return NULL;
}

static struct ort_status *allocator_free(struct ort_allocator *from, void *at)
{
    (void)from;
    unmake(at);
    return NULL;
}

static struct ort_status *default_allocator(struct ort_allocator **ret)
{
    *ret = &allocator;
    return NULL;
}

static void release_value(struct ort_value *value)
{
    if (value && value->owned)
        free(value->data);
    unmake(value);
}

static void not_declared(void)
{
    fprintf(stderr, "a slot was called that kirinuki does not declare\n");
    abort();
}

static void *table[SLOTS];

/* Function and data pointers are of one size here, but C has no cast between them. */
static void put(int slot, const void *function_pointer)
{
    memcpy(&table[slot], function_pointer, sizeof table[slot]);
}
#define PUT(slot, function)                                                                        \
    do {                                                                                           \
        __typeof__(&(function)) pointer = (function);                                              \
        put((slot), &pointer);                                                                     \
    } while (0)

static const void *get_api(uint32_t version)
{
    const char *mode = getenv("KN_FAKE_ONNX");
    if (version != ORT_API_VERSION || (mode && strcmp(mode, "old") == 0))
        return NULL;
    for (int i = 0; i < SLOTS; i++)
        PUT(i, not_declared);
    PUT(1, error_code);
    PUT(2, error_message);
    PUT(3, create_env);
    PUT(7, create_session);
    PUT(8, create_session_from_array);
    PUT(9, run);
    PUT(10, create_options);
    PUT(23, set_int);
    PUT(24, set_int);
    PUT(25, set_int);
    PUT(30, one);
    PUT(31, one);
    PUT(36, input_name);
    PUT(37, output_name);
    PUT(39, create_run_options);
    PUT(46, terminate);
    PUT(49, create_tensor);
    PUT(51, tensor_data);
    PUT(60, element_type);
    PUT(61, rank_of);
    PUT(62, dims_of);
    PUT(65, tensor_shape);
    PUT(69, create_memory_info);
    PUT(76, allocator_free);
    PUT(78, default_allocator);
    for (int slot = 92; slot <= 100; slot++)
        PUT(slot, unmake);
    PUT(96, release_value);
    PUT(130, add_config);
    return table;
}

static const char *version_string(void)
{
    return "1.17.0-fake";
}

const struct ort_base *OrtGetApiBase(void)
{
    static const struct ort_base base = {get_api, version_string};
    const char *mode = getenv("KN_FAKE_ONNX");
    return mode && strcmp(mode, "no-base") == 0 ? NULL : &base;
}
