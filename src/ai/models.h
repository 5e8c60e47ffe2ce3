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

#include <stdbool.h>
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
    /* Of the file that kirinuki is tested with, which the set-up fetches (scripts/models.lock); 0
     * and NULL where there is none for this machine. */
    int64_t size_bytes;
    const char *sha256; /* 64 hex digits */
    bool others_too;    /* other builds than that one are welcome */
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

/* As kn_model_find, for a file that is to be used: DAMAGED when it has another size than the one
 * that kirinuki is tested with. That is a cut download, or another model under the same name, which
 * would be used for what it was not made for: thresholds, vocabulary and patches belong to these
 * very files. *ret_path is set then as well. */
enum kn_status kn_model_check(const char *models, enum kn_model model, struct kn_arena *arena,
                              const char **ret_path, struct kn_error *err);

/* For `doctor`, which has the time to read every byte. As kn_model_check; DAMAGED also when the
 * content is not that of the file which kirinuki is tested with though its size is. */
enum kn_status kn_model_verify(const char *models, enum kn_model model, struct kn_arena *arena,
                               const char **ret_path, struct kn_error *err);

/* After a file of the right size could not be used (`status`; what is not DAMAGED stays as it is):
 * is its content to blame? The sentence in `err` becomes one with what to type. Gives `status`. */
enum kn_status kn_model_blame(const char *models, enum kn_model model, enum kn_status status,
                              struct kn_error *err);

#endif
