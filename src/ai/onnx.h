/*
 * ONNX Runtime, opened at run time.
 *
 * kirinuki is built without ONNX Runtime's header and starts without its library. The first
 * kn_onnx_open of the process loads it and makes the one environment that all sessions share;
 * the last kn_onnx_close releases that environment.
 *
 * Sessions compute on the thread that calls them (no threads of their own), and any number of
 * threads may run one session at once: parallelism is the executor's business. What a model gives
 * back is checked before it is read, so that another model under the same name is an error and
 * not a crash.
 */
#ifndef KN_AI_ONNX_H
#define KN_AI_ONNX_H

#include <stddef.h>
#include <stdint.h>

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "ai/models.h"
#include "base/memory.h"

struct kn_onnx;         /* the runtime; shared by the process */
struct kn_onnx_session; /* a loaded model */
struct kn_onnx_value;   /* a tensor */

/* Could models be run: are the runtime and each of `needed` there? MISSING with what to type.
 * Loads no model, and the runtime only where the system's would have to do. */
enum kn_status kn_onnx_available(const char *models, const enum kn_model *needed, int count,
                                 struct kn_error *err);
/*
 * Loads the runtime or shares the one that is loaded (then `models` plays no part). It is searched
 * as ai/models.h says, and after that where the system keeps libraries. MISSING: not found, not
 * loadable, or older than 1.17. DAMAGED: its headers promise more than the file holds. DENIED:
 * somebody else could have put it there (kn_file_trust).
 */
enum kn_status kn_onnx_open(const char *models, struct kn_onnx **ret_onnx, struct kn_error *err);
void kn_onnx_close(struct kn_onnx *onnx); /* NULL is fine */
KN_SCOPED_DEFINE(kn_onnx, kn_onnx_close)
const char *kn_onnx_version(const struct kn_onnx *onnx); /* "1.28.2" */

/* What to load. Lists end with NULL; NULL instead of a list is an empty one. */
struct kn_onnx_model {
    const char *name;          /* for messages: "silero-vad.onnx" */
    const char *path;          /* or, when NULL: */
    const void *data;          /* the model itself, needed during the call only */
    size_t size;               /* of `data` */
    const char *const *inputs; /* names that the model must have */
    const char *const *outputs;
    const char *const *config; /* session configuration: key, value, key, value … */
};

/* DAMAGED: not a model, or not the one with these names. The session keeps `onnx` open. */
enum kn_status kn_onnx_session_open(struct kn_onnx *onnx, const struct kn_onnx_model *model,
                                    struct kn_onnx_session **ret_session, struct kn_error *err);
void kn_onnx_session_close(struct kn_onnx_session *session); /* NULL is fine; nobody may run it */
KN_SCOPED_DEFINE(kn_onnx_session, kn_onnx_session_close)
/* Does the model give (or take) something of this name? */
bool kn_onnx_session_gives(const struct kn_onnx_session *session, const char *output);

enum kn_onnx_type { KN_ONNX_FLOAT = 1, KN_ONNX_INT64 = 7, KN_ONNX_BOOL = 9 };

enum { KN_ONNX_RANK_MAX = 4, KN_ONNX_IO_MAX = 64 };

/* A tensor over the caller's memory, which must outlive it and may change between runs. `data` is
 * not NULL even for a tensor without elements; `bytes` is exactly what the dims need. */
enum kn_status kn_onnx_tensor(struct kn_onnx *onnx, enum kn_onnx_type type, void *data,
                              size_t bytes, const int64_t *dims, int rank,
                              struct kn_onnx_value **ret_value, struct kn_error *err);
void kn_onnx_value_free(struct kn_onnx *onnx, struct kn_onnx_value *value); /* NULL is fine */

/*
 * The floats of a value that a run gave back; they live as long as the value. `dims` are what is
 * expected, -1 for any length, which is then written over it. DAMAGED: other type, rank or
 * lengths.
 */
enum kn_status kn_onnx_floats(struct kn_onnx *onnx, const struct kn_onnx_value *value,
                              const char *name, int64_t *dims, int rank, const float **ret_floats,
                              struct kn_error *err);

/* Lets a token interrupt runs. One call may serve many runs in a row, on one thread. It stays put
 * from begin to end. `cancel` may be NULL. */
struct kn_onnx_call {
    struct kn_onnx *onnx;
    struct kn_cancel *cancel;
    void *options;
    struct kn_cancel_watch watch;
};
enum kn_status kn_onnx_call_begin(struct kn_onnx *onnx, struct kn_cancel *cancel,
                                  struct kn_onnx_call *call, struct kn_error *err);
void kn_onnx_call_end(struct kn_onnx_call *call);

struct kn_onnx_io {
    const char *name;
    struct kn_onnx_value *value;
};

/*
 * Runs the model. Values of `outputs` are NULL before, and the caller's to free after KN_OK (all
 * are NULL otherwise); an output may be an input of the next run without a copy. `call` may be
 * NULL: not to be interrupted. CANCELLED: the call's token was triggered. INTERNAL: the runtime
 * failed.
 */
enum kn_status kn_onnx_run(struct kn_onnx_session *session, struct kn_onnx_call *call,
                           const struct kn_onnx_io *inputs, int input_count,
                           struct kn_onnx_io *outputs, int output_count, struct kn_error *err);

#endif
