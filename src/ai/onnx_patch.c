/*
 * A protobuf message is a row of fields: a key (number << 3 | wire type) and a value. The fields
 * that a patch changes are rewritten with the length of what encloses them, all others are copied
 * as they are. The order of fields of different numbers has no meaning, so additions go to the end
 * of their message; outputs of the If node, of both branches and of the graph stay in step because
 * all four lists are changed in the same order.
 */
#include "ai/onnx_patch.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* Field numbers of onnx.proto3. */
enum {
    MODEL_GRAPH = 7,
    GRAPH_NODE = 1,
    GRAPH_INITIALIZER = 5,
    GRAPH_OUTPUT = 12,
    NODE_OUTPUT = 2,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_GRAPH = 6,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TENSOR_DIM = 1,
    TENSOR_TYPE = 2,
    TENSOR_FLOATS = 4,
    TENSOR_INTS = 5,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
};

/* TypeProto{tensor_type{elem_type FLOAT}} without a shape. */
static const char float_tensor_type[] = {0x0A, 0x02, 0x08, 0x01};

/* Reading */

struct bytes {
    const unsigned char *at;
    size_t size;
};

struct field {
    uint64_t number;
    enum wire wire;
    uint64_t varint;    /* VARINT */
    struct bytes bytes; /* BYTES: the content; 64 and 32: the value */
    struct bytes whole; /* key and value */
};

static bool read_varint(struct bytes *in, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && in->size; shift += 7) {
        unsigned char byte = *in->at++;
        in->size--;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* Takes the next field off the front of `in`; false when that is no field. */
static bool read_field(struct bytes *in, struct field *ret_field)
{
    struct bytes rest = *in;
    uint64_t key, size;
    if (!read_varint(&rest, &key))
        return false;
    struct field field = {.number = key >> 3, .wire = (enum wire)(key & 7)};
    switch (field.wire) {
    case WIRE_VARINT:
        size = 0;
        if (!read_varint(&rest, &field.varint))
            return false;
        break;
    case WIRE_BYTES:
        if (!read_varint(&rest, &size))
            return false;
        break;
    case WIRE_64:
    case WIRE_32:
        size = field.wire == WIRE_64 ? 8 : 4;
        break;
    default:
        return false;
    }
    if (size > rest.size)
        return false;
    field.bytes = (struct bytes){rest.at, (size_t)size};
    rest.at += size;
    rest.size -= (size_t)size;
    field.whole = (struct bytes){in->at, (size_t)(rest.at - in->at)};
    *in = rest;
    *ret_field = field;
    return true;
}

static bool is_bytes(const struct field *field, uint64_t number)
{
    return field->number == number && field->wire == WIRE_BYTES;
}

static bool equals(struct bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.at, text, bytes.size) == 0;
}

/* The first field `number` of a message; an empty one when it has none or is damaged. */
static struct bytes first_bytes(struct bytes message, uint64_t number)
{
    struct field field;
    while (read_field(&message, &field))
        if (is_bytes(&field, number))
            return field.bytes;
    return (struct bytes){0};
}

/* Writing */

static void add_varint(struct kn_str *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        kn_str_add_char(out, (char)(value | 0x80));
    kn_str_add_char(out, (char)value);
}

static void add_field(struct kn_str *out, uint64_t number, const void *bytes, size_t size)
{
    add_varint(out, number << 3 | WIRE_BYTES);
    add_varint(out, size);
    kn_str_add_bytes(out, bytes, size);
}

static void add_text(struct kn_str *out, uint64_t number, const char *text)
{
    add_field(out, number, text, strlen(text));
}

/* An output of a graph: ValueInfoProto{name, float tensor}. */
static void add_output(struct kn_str *out, const char *name)
{
    KN_SCOPED_STR value = {0};
    add_text(&value, VALUE_NAME, name);
    add_field(&value, VALUE_TYPE, float_tensor_type, sizeof float_tensor_type);
    add_field(out, GRAPH_OUTPUT, kn_str_text(&value), value.length);
}

/* Patching. Each function rewrites one message into `out` and is false when it does not apply. */

typedef bool rewrite_fn(const struct kn_onnx_patch *patch, struct bytes message,
                        struct kn_str *out);

static bool rewrite_into(const struct kn_onnx_patch *patch, uint64_t number, struct bytes message,
                         rewrite_fn *rewrite, struct kn_str *out)
{
    KN_SCOPED_STR inner = {0};
    if (!rewrite(patch, message, &inner))
        return false;
    add_field(out, number, kn_str_text(&inner), inner.length);
    return true;
}

static int dropped_count(const struct kn_onnx_patch *patch)
{
    int count = 0;
    while (patch->dropped && patch->dropped[count])
        count++;
    return count;
}

static bool is_dropped(const struct kn_onnx_patch *patch, struct bytes tensor)
{
    for (int i = 0; i < dropped_count(patch); i++)
        if (equals(tensor, patch->dropped[i]))
            return true;
    return false;
}

/* How many of the tensors that become outputs does this name stand for? */
static int exposed_count(const struct kn_onnx_patch *patch, struct bytes tensor)
{
    int count = equals(tensor, patch->replacement.tensor);
    for (int i = 0; i < patch->added_count; i++)
        count += equals(tensor, patch->added[i].tensor);
    return count;
}

static bool rewrite_branch(const struct kn_onnx_patch *patch, struct bytes message,
                           struct kn_str *out)
{
    int exposed = 0, dropped = 0, replaced = 0;
    struct field field;
    while (message.size) {
        if (!read_field(&message, &field))
            return false;
        struct bytes made = {0};
        if (is_bytes(&field, GRAPH_NODE))
            made = first_bytes(field.bytes, NODE_OUTPUT);
        if (made.size && is_dropped(patch, made)) {
            dropped++;
            continue;
        }
        exposed += exposed_count(patch, made);
        if (is_bytes(&field, GRAPH_OUTPUT) &&
            equals(first_bytes(field.bytes, VALUE_NAME), patch->replaced)) {
            add_output(out, patch->replacement.tensor);
            replaced++;
        } else {
            kn_str_add_bytes(out, field.whole.at, field.whole.size);
        }
    }
    for (int i = 0; i < patch->added_count; i++)
        add_output(out, patch->added[i].tensor);
    return replaced == 1 && dropped == dropped_count(patch) && exposed == patch->added_count + 1;
}

static bool rewrite_attribute(const struct kn_onnx_patch *patch, struct bytes message,
                              struct kn_str *out)
{
    int branches = 0;
    struct field field;
    while (message.size) {
        if (!read_field(&message, &field))
            return false;
        if (is_bytes(&field, ATTRIBUTE_GRAPH)) {
            branches++;
            if (!rewrite_into(patch, ATTRIBUTE_GRAPH, field.bytes, rewrite_branch, out))
                return false;
        } else {
            kn_str_add_bytes(out, field.whole.at, field.whole.size);
        }
    }
    return branches == 1;
}

static bool rewrite_if(const struct kn_onnx_patch *patch, struct bytes message, struct kn_str *out)
{
    int branches = 0, replaced = 0;
    struct field field;
    if (!equals(first_bytes(message, NODE_OP), "If"))
        return false;
    while (message.size) {
        if (!read_field(&message, &field))
            return false;
        if (is_bytes(&field, NODE_ATTRIBUTE)) {
            branches++;
            if (!rewrite_into(patch, NODE_ATTRIBUTE, field.bytes, rewrite_attribute, out))
                return false;
        } else if (is_bytes(&field, NODE_OUTPUT) && equals(field.bytes, patch->replaced)) {
            replaced++;
            add_text(out, NODE_OUTPUT, patch->replacement.output);
        } else {
            kn_str_add_bytes(out, field.whole.at, field.whole.size);
        }
    }
    for (int i = 0; i < patch->added_count; i++)
        add_text(out, NODE_OUTPUT, patch->added[i].output);
    return branches == 2 && replaced == 1;
}

static bool rewrite_graph(const struct kn_onnx_patch *patch, struct bytes message,
                          struct kn_str *out)
{
    int nodes = 0, replaced = 0;
    struct field field;
    while (message.size) {
        if (!read_field(&message, &field))
            return false;
        if (is_bytes(&field, GRAPH_NODE)) {
            nodes++;
            if (!rewrite_into(patch, GRAPH_NODE, field.bytes, rewrite_if, out))
                return false;
        } else if (is_bytes(&field, GRAPH_OUTPUT) &&
                   equals(first_bytes(field.bytes, VALUE_NAME), patch->replaced)) {
            replaced++;
            add_output(out, patch->replacement.output);
        } else {
            kn_str_add_bytes(out, field.whole.at, field.whole.size);
        }
    }
    for (int i = 0; i < patch->added_count; i++)
        add_output(out, patch->added[i].output);
    return nodes == 1 && replaced == 1;
}

static bool rewrite_model(const struct kn_onnx_patch *patch, struct bytes message,
                          struct kn_str *out)
{
    int graphs = 0;
    struct field field;
    while (message.size) {
        if (!read_field(&message, &field))
            return false;
        if (is_bytes(&field, MODEL_GRAPH)) {
            graphs++;
            if (!rewrite_into(patch, MODEL_GRAPH, field.bytes, rewrite_graph, out))
                return false;
        } else {
            kn_str_add_bytes(out, field.whole.at, field.whole.size);
        }
    }
    return graphs == 1;
}

enum kn_status kn_onnx_patch_model(const void *model, size_t size,
                                   const struct kn_onnx_patch *patch, struct kn_str *out,
                                   struct kn_error *err)
{
    KN_SCOPED_STR patched = {0};
    if (!rewrite_model(patch, (struct bytes){model, size}, &patched))
        return kn_error_set(err, KN_DAMAGED, "this is not the model that kirinuki knows");
    if (out->length) {
        kn_str_add_bytes(out, kn_str_text(&patched), patched.length);
    } else { /* models are large: hand the bytes over instead of copying them */
        kn_str_free(out);
        *out = patched;
        patched = (struct kn_str){0};
    }
    return KN_OK;
}

/* Weights */

/* Small tensors are stored as lists of numbers; this reads such a list of bytes (uint8). */
static bool unpack_bytes(struct bytes packed, size_t count, unsigned char *ret_bytes)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        if (!read_varint(&packed, &value) || value > UINT8_MAX)
            return false;
        ret_bytes[i] = (unsigned char)value;
    }
    return packed.size == 0;
}

static bool read_elements(struct bytes tensor, enum kn_onnx_data type, size_t count,
                          void *ret_elements)
{
    size_t bytes = count * (type == KN_ONNX_DATA_FLOAT ? sizeof(float) : 1);
    uint64_t found_type = 0;
    struct bytes raw = {0}, list = {0};
    struct field field;
    while (tensor.size) {
        if (!read_field(&tensor, &field))
            return false;
        if (field.number == TENSOR_TYPE && field.wire == WIRE_VARINT)
            found_type = field.varint;
        else if (is_bytes(&field, TENSOR_RAW))
            raw = field.bytes;
        else if (is_bytes(&field, type == KN_ONNX_DATA_FLOAT ? TENSOR_FLOATS : TENSOR_INTS))
            list = field.bytes;
    }
    if (found_type != (uint64_t)type)
        return false;
    if (!raw.size && type == KN_ONNX_DATA_UINT8)
        return unpack_bytes(list, count, ret_elements);
    struct bytes from = raw.size ? raw : list; /* floats are little-endian in both forms */
    if (from.size != bytes)
        return false;
    memcpy(ret_elements, from.at, bytes);
    return true;
}

enum kn_status kn_onnx_read_weight(const void *model, size_t size, const char *name,
                                   enum kn_onnx_data type, size_t count, void *ret_elements,
                                   struct kn_error *err)
{
    struct bytes graph = first_bytes((struct bytes){model, size}, MODEL_GRAPH);
    struct field field;
    while (read_field(&graph, &field))
        if (is_bytes(&field, GRAPH_INITIALIZER) &&
            equals(first_bytes(field.bytes, TENSOR_NAME), name) &&
            read_elements(field.bytes, type, count, ret_elements))
            return KN_OK;
    return kn_error_set(err, KN_DAMAGED, "the model has no weight %s of the expected size", name);
}
