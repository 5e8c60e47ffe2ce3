/*
 * The slots of ONNX Runtime's C API that kirinuki calls: private to onnx.c and its tests.
 *
 * OrtGetApiBase() gives {GetApi(version), GetVersionString()}; GetApi gives an array of function
 * pointers that only ever grows at its end, so a slot's number and prototype are fixed for good.
 * They are taken from the published C API of version 17 (ONNX Runtime 1.17) and were run against
 * 1.28, 1.29 and 1.30. Every function that returns a status returns NULL for success.
 */
#ifndef KN_AI_ONNX_TABLE_H
#define KN_AI_ONNX_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { ORT_API_VERSION = 17 };

struct ort_status;
struct ort_env;
struct ort_session;
struct ort_options;
struct ort_run_options;
struct ort_value;
struct ort_memory_info;
struct ort_allocator;
struct ort_shape_info;

struct ort_base {
    const void *(*get_api)(uint32_t version);
    const char *(*version_string)(void);
};

#define ORT_SLOTS(X)                                                                               \
    X(1, int, error_code, (const struct ort_status *))                                             \
    X(2, const char *, error_message, (const struct ort_status *))                                 \
    X(3, struct ort_status *, create_env, (int level, const char *id, struct ort_env **))          \
    X(7, struct ort_status *, create_session,                                                      \
      (const struct ort_env *, const char *path, const struct ort_options *,                       \
       struct ort_session **))                                                                     \
    X(8, struct ort_status *, create_session_from_array,                                           \
      (const struct ort_env *, const void *data, size_t size, const struct ort_options *,          \
       struct ort_session **))                                                                     \
    X(9, struct ort_status *, run,                                                                 \
      (struct ort_session *, const struct ort_run_options *, const char *const *in_names,          \
       const struct ort_value *const *in, size_t in_count, const char *const *out_names,           \
       size_t out_count, struct ort_value **out))                                                  \
    X(10, struct ort_status *, create_options, (struct ort_options **))                            \
    X(23, struct ort_status *, set_graph_optimization, (struct ort_options *, int level))          \
    X(24, struct ort_status *, set_intra_threads, (struct ort_options *, int))                     \
    X(25, struct ort_status *, set_inter_threads, (struct ort_options *, int))                     \
    X(30, struct ort_status *, input_count, (const struct ort_session *, size_t *))                \
    X(31, struct ort_status *, output_count, (const struct ort_session *, size_t *))               \
    X(36, struct ort_status *, input_name,                                                         \
      (const struct ort_session *, size_t, struct ort_allocator *, char **))                       \
    X(37, struct ort_status *, output_name,                                                        \
      (const struct ort_session *, size_t, struct ort_allocator *, char **))                       \
    X(39, struct ort_status *, create_run_options, (struct ort_run_options **))                    \
    X(46, struct ort_status *, terminate, (struct ort_run_options *))                              \
    X(49, struct ort_status *, create_tensor,                                                      \
      (const struct ort_memory_info *, void *data, size_t bytes, const int64_t *dims, size_t rank, \
       int type, struct ort_value **))                                                             \
    X(51, struct ort_status *, tensor_data, (struct ort_value *, void **))                         \
    X(60, struct ort_status *, element_type, (const struct ort_shape_info *, int *))               \
    X(61, struct ort_status *, rank, (const struct ort_shape_info *, size_t *))                    \
    X(62, struct ort_status *, dims, (const struct ort_shape_info *, int64_t *, size_t))           \
    X(65, struct ort_status *, tensor_shape, (const struct ort_value *, struct ort_shape_info **)) \
    X(69, struct ort_status *, create_memory_info,                                                 \
      (int allocator, int memory, struct ort_memory_info **))                                      \
    X(76, struct ort_status *, allocator_free, (struct ort_allocator *, void *))                   \
    X(78, struct ort_status *, default_allocator, (struct ort_allocator **))                       \
    X(92, void, release_env, (struct ort_env *))                                                   \
    X(93, void, release_status, (struct ort_status *))                                             \
    X(94, void, release_memory_info, (struct ort_memory_info *))                                   \
    X(95, void, release_session, (struct ort_session *))                                           \
    X(96, void, release_value, (struct ort_value *))                                               \
    X(97, void, release_run_options, (struct ort_run_options *))                                   \
    X(99, void, release_shape, (struct ort_shape_info *))                                          \
    X(100, void, release_options, (struct ort_options *))                                          \
    X(130, struct ort_status *, add_config,                                                        \
      (struct ort_options *, const char *key, const char *value))

#define ORT_MEMBER(slot, type, name, args) type(*name) args;
struct ort_table {
    ORT_SLOTS(ORT_MEMBER)
};
#undef ORT_MEMBER

/* Values of the API's enums; all are ints. */
enum { ORT_LOG_ERROR = 3, ORT_OPTIMIZE_ALL = 99, ORT_ALLOCATOR_ARENA = 1, ORT_MEMORY_DEFAULT = 0 };

#endif
