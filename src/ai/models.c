#include "ai/models.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* Sizes are those of the files that the set-up fetches; the runtime comes in several builds. */
static const struct kn_model_file files[KN_MODEL_COUNT] = {
    [KN_MODEL_RUNTIME] = {"libonnxruntime.so", "ONNX Runtime, which runs the models", 0},
    [KN_MODEL_VAD] = {"silero-vad.onnx", "finds where somebody speaks", 2327524},
    [KN_MODEL_SPEECH_ENCODER] = {"moonshine-tiny-encoder.onnx", "speech to text, first half",
                                 7937661},
    [KN_MODEL_SPEECH_DECODER] = {"moonshine-tiny-decoder.onnx", "speech to text, second half",
                                 20243286},
    [KN_MODEL_SPEECH_VOCABULARY] = {"moonshine-tiny-vocab.txt", "the recogniser's vocabulary",
                                    242918},
    [KN_MODEL_FACES] = {"blazeface-back.onnx", "finds faces", 603432},
};

const struct kn_model_file *kn_model_file(enum kn_model model)
{
    return &files[model];
}

/* ../share/kirinuki/models as seen from the folder of the running program; NULL if unknown. */
static char *folder_beside_program(struct kn_arena *arena)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return NULL;
    program[n] = '\0';
    int folder_length = (int)(kn_path_base(program) - program);
    return kn_arena_printf(arena, "%.*s../share/kirinuki/models", folder_length, program);
}

int kn_model_folders(const char *models, struct kn_arena *arena,
                     const char *ret_folders[KN_MODEL_FOLDERS_MAX])
{
    if (!models || !models[0])
        models = getenv("KIRINUKI_MODELS");
    if (models && models[0]) {
        ret_folders[0] = models;
        return 1;
    }
    int count = 0;
    ret_folders[count++] = kn_path_join(arena, kn_path_data(arena), "models");
    ret_folders[count++] = "/usr/local/share/kirinuki/models";
    const char *beside = folder_beside_program(arena);
    if (beside)
        ret_folders[count++] = beside;
    return count;
}

enum kn_status kn_model_find(const char *models, enum kn_model model, struct kn_arena *arena,
                             const char **ret_path, struct kn_error *err)
{
    const char *folders[KN_MODEL_FOLDERS_MAX];
    int count = kn_model_folders(models, arena, folders);
    for (int i = 0; i < count; i++) {
        const char *path = kn_path_join(arena, folders[i], files[model].name);
        if (kn_file_exists(path)) {
            *ret_path = path;
            return KN_OK;
        }
    }
    return kn_error_set(err, KN_MISSING,
                        "%s (%s) is missing: run `make` in kirinuki's folder, or put it into %s",
                        files[model].name, files[model].purpose, folders[0]);
}

enum kn_status kn_model_check(const char *models, enum kn_model model, struct kn_arena *arena,
                              const char **ret_path, struct kn_error *err)
{
    const char *path;
    enum kn_status status = kn_model_find(models, model, arena, &path, err);
    if (status != KN_OK)
        return status;
    *ret_path = path;
    int64_t size = kn_file_size(path), wanted = files[model].size_bytes;
    if (wanted && size != wanted)
        return kn_error_set(err, KN_DAMAGED, "%s has %lld bytes where %lld are expected", path,
                            (long long)size, (long long)wanted);
    return KN_OK;
}
