/*
 * Changes an ONNX model in memory before it is loaded, and reads tensors out of it.
 *
 * Exported decoders keep to themselves what word times are made of (the attention over the
 * sound). This turns inner tensors into outputs, and drops the nodes that an output which nobody
 * reads any more was made by. The model is a protobuf message (onnx.proto3 of ONNX 1.x) and is
 * treated as hostile: whatever the bytes are, the answer is a model or an error.
 */
#ifndef KN_AI_ONNX_PATCH_H
#define KN_AI_ONNX_PATCH_H

#include <stddef.h>
#include <stdint.h>

#include <kirinuki/status.h>

#include "base/str.h"

/* A tensor inside, and the name that it has as an output of the model. All are float. */
struct kn_onnx_expose {
    const char *tensor, *output;
};

/*
 * For a "merged" model: its graph is a single If node with two branches (with and without cached
 * keys). Tensors of these names exist in both branches.
 */
struct kn_onnx_patch {
    const char *replaced;              /* this output of the model gives way … */
    struct kn_onnx_expose replacement; /* … to this one */
    const struct kn_onnx_expose *added;
    int added_count;
    const char *const *dropped; /* nodes that make these tensors are left out; NULL ends it */
};

/* Appends the changed model to `out`, which is left as it was on failure. DAMAGED: not a model, or
 * not one to which all of the patch applies. */
enum kn_status kn_onnx_patch_model(const void *model, size_t size,
                                   const struct kn_onnx_patch *patch, struct kn_str *out,
                                   struct kn_error *err);

enum kn_onnx_data { KN_ONNX_DATA_FLOAT = 1, KN_ONNX_DATA_UINT8 = 2 };

/*
 * Copies an initializer (a weight) of the model's outer graph, which must have this type and
 * exactly `count` elements, to `ret_elements`. DAMAGED: there is no such.
 */
enum kn_status kn_onnx_read_weight(const void *model, size_t size, const char *name,
                                   enum kn_onnx_data type, size_t count, void *ret_elements,
                                   struct kn_error *err);

#endif
