/* Patching a model in memory: any bytes give a model or one sentence. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "ai/onnx_patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kn_onnx_expose added[] = {{"inner", "cross"}};
    static const char *const dropped[] = {"logits", NULL};
    static const struct kn_onnx_patch patch = {
        .replaced = "logits",
        .replacement = {"state", "hidden"},
        .added = added,
        .added_count = 1,
        .dropped = dropped,
    };
    struct kn_error err = {0};
    KN_SCOPED_STR out = {0};
    enum kn_status status = kn_onnx_patch_model(data, size, &patch, &out, &err);
    if (status != KN_OK)
        assert(status == KN_DAMAGED && strlen(err.text) > 10 && out.length == 0);
    else
        assert(out.length > 0 && out.length < size + 200);
    uint8_t weight[4];
    (void)kn_onnx_read_weight(data, size, "w", KN_ONNX_DATA_UINT8, 2, weight, NULL);
    (void)kn_onnx_read_weight(data, size, "w", KN_ONNX_DATA_FLOAT, 1, weight, NULL);
    return 0;
}
