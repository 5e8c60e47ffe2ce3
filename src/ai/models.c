#include "ai/models.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "media/checksum.h"

/* The runtime that the set-up fetches for this machine. */
#if defined(__x86_64__)
#define RUNTIME_BYTES  27026609
#define RUNTIME_SHA256 "4b3607aebd1784b26b6f9b20e4bd974c7ab8287043e4d095cb7d2cb40b5e566e"
#elif defined(__aarch64__)
#define RUNTIME_BYTES  34606912
#define RUNTIME_SHA256 "cfc800d4438f15e8d9017521326776ca7117d8783cb847ccccc2fc61ac4d540f"
#else
#define RUNTIME_BYTES  0
#define RUNTIME_SHA256 NULL
#endif

/* Sizes and sums are those of scripts/models.lock; a test compares them. */
static const struct kn_model_file files[KN_MODEL_COUNT] = {
    [KN_MODEL_RUNTIME] = {"libonnxruntime.so", "ONNX Runtime, which runs the models", RUNTIME_BYTES,
                          RUNTIME_SHA256, .others_too = true},
    [KN_MODEL_VAD] = {"silero-vad.onnx", "finds where somebody speaks", 2327524,
                      "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"},
    [KN_MODEL_SPEECH_ENCODER] =
        {"moonshine-tiny-encoder.onnx", "speech to text, first half", 7937661,
         "c6fc4b7bc5af75c0591fd157a1f3829b533d18e9769a888fd95a62e470dd4f4a"},
    [KN_MODEL_SPEECH_DECODER] =
        {"moonshine-tiny-decoder.onnx", "speech to text, second half", 20243286,
         "eed87831c3a6103534aae7d47a5d485025c659a1323901513961c39fe8a1a367"},
    [KN_MODEL_SPEECH_VOCABULARY] =
        {"moonshine-tiny-vocab.txt", "the recogniser's vocabulary", 242918,
         "0f97b4337921e6e7e9b4620fc73338ee570aecd3c16038bc23870a887e995045"},
    [KN_MODEL_FACES] = {"blazeface-back.onnx", "finds faces", 603432,
                        "427cbbe0fc41448d09e1dc9cfabe2423d997cf2faaeab91fadd09a510b63b8e2"},
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
    const char *data = kn_path_data(arena);
    if (data)
        ret_folders[count++] = kn_path_join(arena, data, "models");
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
    if (!files[model].others_too && size != wanted)
        return kn_error_set(
            err, KN_DAMAGED,
            "%s has %lld bytes where %lld are expected: delete it and run `make` in "
            "kirinuki's folder",
            path, (long long)size, (long long)wanted);
    return KN_OK;
}

enum kn_status kn_model_verify(const char *models, enum kn_model model, struct kn_arena *arena,
                               const char **ret_path, struct kn_error *err)
{
    const struct kn_model_file *file = &files[model];
    enum kn_status status = kn_model_check(models, model, arena, ret_path, err);
    if (status != KN_OK || !file->sha256 || kn_file_size(*ret_path) != file->size_bytes)
        return status;
    char sum[KN_SHA256_TEXT_BYTES];
    status = kn_file_sha256(*ret_path, sum, err);
    if (status == KN_OK && strcmp(sum, file->sha256) != 0)
        return kn_error_set(err, KN_DAMAGED,
                            "%s has the right size, but not the right content: delete it and run "
                            "`make` in kirinuki's folder",
                            *ret_path);
    return status;
}

enum kn_status kn_model_blame(const char *models, enum kn_model model, enum kn_status status,
                              struct kn_error *err)
{
    if (status != KN_DAMAGED || !err)
        return status;
    struct kn_arena *arena = kn_arena_new();
    struct kn_error why;
    const char *path;
    if (kn_model_verify(models, model, arena, &path, &why) == KN_DAMAGED)
        *err = why;
    else
        kn_error_set(err, status, "%s; `kirinuki doctor` checks what is installed",
                     kn_arena_strdup(arena, kn_error_text(err)));
    kn_arena_free(arena);
    return status;
}
