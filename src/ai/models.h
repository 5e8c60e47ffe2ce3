/*
 * The files that the local engines need, and where they are searched.
 *
 * Everywhere a `models` argument is a folder, or NULL for the usual places, in this order:
 * $KIRINUKI_MODELS, the user's data folder (kn_path_data() + "/models"),
 * /usr/local/share/kirinuki/models, and ../share/kirinuki/models beside the running program. A
 * folder that somebody named (argument or variable) is the only one that is looked at, so that a
 * mistyped name is noticed.
 */
#ifndef KN_AI_MODELS_H
#define KN_AI_MODELS_H

#include <stdint.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

enum kn_model {
    KN_MODEL_RUNTIME, /* ONNX Runtime itself: every other file is used through it */
    KN_MODEL_VAD,
    KN_MODEL_SPEECH_ENCODER,
    KN_MODEL_SPEECH_DECODER,
    KN_MODEL_SPEECH_VOCABULARY,
    KN_MODEL_FACES,
    KN_MODEL_COUNT
};

struct kn_model_file {
    const char *name;    /* "silero-vad.onnx" */
    const char *purpose; /* "finds where somebody speaks" */
    int64_t size_bytes;  /* of the file that kirinuki is tested with */
};

const struct kn_model_file *kn_model_file(enum kn_model model);

/* The folders that are searched, best first, in `arena`. */
enum { KN_MODEL_FOLDERS_MAX = 3 };
int kn_model_folders(const char *models, struct kn_arena *arena,
                     const char *ret_folders[KN_MODEL_FOLDERS_MAX]);

/* The file's path in `arena`. MISSING: it is in none of the folders; the sentence says what to
 * type. */
enum kn_status kn_model_find(const char *models, enum kn_model model, struct kn_arena *arena,
                             const char **ret_path, struct kn_error *err);

/* For `doctor`. As kn_model_find; DAMAGED when the file has another size than the one that
 * kirinuki is tested with (a cut download, another model under the same name). *ret_path is set
 * then as well. Only the size is looked at: opening the model tells the rest. */
enum kn_status kn_model_check(const char *models, enum kn_model model, struct kn_arena *arena,
                              const char **ret_path, struct kn_error *err);

#endif
