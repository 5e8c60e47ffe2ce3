#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ai/onnx_patch.h"
#include "base/memory.h"

/* Building a small merged model, byte by byte as protobuf writes it. All lengths are below 128 but
 * for those that go through put_message. */

static void put_key(struct kn_str *out, int number, size_t size)
{
    kn_str_add_char(out, (char)(number << 3 | 2));
    if (size >= 0x80)
        kn_str_add_char(out, (char)(size | 0x80));
    kn_str_add_char(out, (char)(size >= 0x80 ? size >> 7 : size));
}

static void put(struct kn_str *out, int number, const char *text)
{
    put_key(out, number, strlen(text));
    kn_str_add(out, text);
}

static void put_message(struct kn_str *out, int number, struct kn_str *message)
{
    put_key(out, number, message->length);
    kn_str_add_bytes(out, kn_str_text(message), message->length);
    kn_str_free(message);
}

static void put_node(struct kn_str *graph, const char *op, const char *made)
{
    struct kn_str node = {0};
    put(&node, 1, "input");
    put(&node, 2, made);
    put(&node, 4, op);
    put_message(graph, 1, &node);
}

static void put_output(struct kn_str *graph, const char *name)
{
    struct kn_str value = {0};
    put(&value, 1, name);
    put_message(graph, 12, &value);
}

static struct kn_str branch(const char *extra)
{
    struct kn_str graph = {0}, attribute = {0};
    put_node(&graph, "Softmax", "inner");
    put_node(&graph, "Mul", "state");
    put_node(&graph, "MatMul", "logits");
    if (extra)
        put_node(&graph, "Add", extra);
    put_output(&graph, "logits");
    put_output(&graph, "cache");
    put(&attribute, 1, "then_branch");
    put_message(&attribute, 6, &graph);
    return attribute;
}

static struct kn_str model_with(const char *extra, int branches)
{
    struct kn_str node = {0}, graph = {0}, weight = {0}, model = {0};
    put(&node, 2, "logits");
    put(&node, 2, "cache");
    put(&node, 4, "If");
    for (int i = 0; i < branches; i++) {
        struct kn_str attribute = branch(i == 0 ? extra : NULL);
        put_message(&node, 5, &attribute);
    }
    put_message(&graph, 1, &node);
    kn_str_add_bytes(&weight, "\x08\x02\x10\x02", 4); /* dims 2, uint8 */
    put(&weight, 8, "w");
    put(&weight, 9, "\x11\x22");
    put_message(&graph, 5, &weight);
    put_output(&graph, "logits");
    put_output(&graph, "cache");
    kn_str_add_bytes(&model, "\x08\x0A", 2); /* ir_version 10 */
    put_message(&model, 7, &graph);
    return model;
}

static const struct kn_onnx_expose added[] = {{"inner", "cross"}};
static const char *const dropped[] = {"logits", NULL};
static const struct kn_onnx_patch patch = {
    .replaced = "logits",
    .replacement = {"state", "hidden"},
    .added = added,
    .added_count = 1,
    .dropped = dropped,
};

static int occurrences(const struct kn_str *in, const char *text)
{
    int count = 0;
    const char *at = in->at, *end = in->at + in->length;
    while ((at = memmem(at, (size_t)(end - at), text, strlen(text)))) {
        count++;
        at++;
    }
    return count;
}

static void both_branches_and_the_graph_change_in_step(void **state)
{
    (void)state;
    struct kn_error err;
    KN_SCOPED_STR model = model_with(NULL, 2), out = {0};
    assert_int_equal(kn_onnx_patch_model(model.at, model.length, &patch, &out, &err), KN_OK);
    assert_int_equal(occurrences(&out, "logits"), 0);
    assert_int_equal(occurrences(&out, "MatMul"), 0);
    assert_int_equal(occurrences(&out, "inner"), 4); /* made and given, twice */
    assert_int_equal(occurrences(&out, "state"), 4);
    assert_int_equal(occurrences(&out, "hidden"), 2); /* by the If node and by the graph */
    assert_int_equal(occurrences(&out, "cross"), 2);
    assert_int_equal(occurrences(&out, "cache"), 4);
    /* It is still a model: the same patch finds nothing more to replace, but a weight is there. */
    uint8_t weight[2];
    assert_int_equal(
        kn_onnx_read_weight(out.at, out.length, "w", KN_ONNX_DATA_UINT8, 2, weight, &err), KN_OK);
    assert_memory_equal(weight, "\x11\x22", 2);
    KN_SCOPED_STR again = {0};
    assert_int_equal(kn_onnx_patch_model(out.at, out.length, &patch, &again, &err), KN_DAMAGED);
    assert_int_equal(again.length, 0);
}

static void a_model_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct kn_error err;
    KN_SCOPED_STR out = {0};
    KN_SCOPED_STR one = model_with(NULL, 1), three = model_with(NULL, 3);
    KN_SCOPED_STR twice = model_with("inner", 2), dropped_twice = model_with("logits", 2);
    const struct kn_str *const models[] = {&one, &three, &twice, &dropped_twice};
    for (size_t i = 0; i < KN_COUNT_OF(models); i++)
        assert_int_equal(kn_onnx_patch_model(models[i]->at, models[i]->length, &patch, &out, &err),
                         KN_DAMAGED);
    KN_SCOPED_STR good = model_with(NULL, 2);
    static const struct kn_onnx_expose other[] = {{"nothing", "cross"}};
    struct kn_onnx_patch wrong = patch;
    wrong.added = other;
    assert_int_equal(kn_onnx_patch_model(good.at, good.length, &wrong, &out, &err), KN_DAMAGED);
    wrong = patch;
    wrong.replaced = "scores";
    assert_int_equal(kn_onnx_patch_model(good.at, good.length, &wrong, &out, &err), KN_DAMAGED);
    assert_int_equal(kn_onnx_patch_model("", 0, &patch, &out, &err), KN_DAMAGED);
    assert_int_equal(out.length, 0);
}

static void weights_are_read_only_when_they_fit(void **state)
{
    (void)state;
    struct kn_error err;
    uint8_t bytes[8];
    KN_SCOPED_STR model = model_with(NULL, 2);
    static const struct {
        const char *name;
        enum kn_onnx_data type;
        size_t count;
    } cases[] = {
        {"v", KN_ONNX_DATA_UINT8, 2}, {"w", KN_ONNX_DATA_FLOAT, 2}, {"w", KN_ONNX_DATA_UINT8, 3},
        {"w", KN_ONNX_DATA_UINT8, 1}, {"", KN_ONNX_DATA_UINT8, 2},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_int_equal(kn_onnx_read_weight(model.at, model.length, cases[i].name, cases[i].type,
                                             cases[i].count, bytes, &err),
                         KN_DAMAGED);
}

/* Cut short or with any bit turned, a model gives an answer. Every copy is exactly as large as it
 * says, so that AddressSanitizer sees a read past its end. */
static void damaged_models_never_crash(void **state)
{
    (void)state;
    KN_SCOPED_STR model = model_with(NULL, 2);
    for (size_t size = 0; size < model.length; size++) {
        KN_SCOPED_STR out = {0};
        char *copy = memcpy(kn_malloc(size), model.at, size);
        assert_int_equal(kn_onnx_patch_model(copy, size, &patch, &out, NULL), KN_DAMAGED);
        free(copy);
    }
    for (size_t bit = 0; bit < model.length * 8; bit++) {
        KN_SCOPED_STR out = {0};
        uint8_t weight[2];
        char *copy = memcpy(kn_malloc(model.length), model.at, model.length);
        copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
        (void)kn_onnx_patch_model(copy, model.length, &patch, &out, NULL);
        (void)kn_onnx_read_weight(copy, model.length, "w", KN_ONNX_DATA_UINT8, 2, weight, NULL);
        free(copy);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_branches_and_the_graph_change_in_step),
        cmocka_unit_test(a_model_that_does_not_fit_is_refused),
        cmocka_unit_test(weights_are_read_only_when_they_fit),
        cmocka_unit_test(damaged_models_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
