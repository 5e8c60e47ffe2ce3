/* What strangers upload to the sandbox's platforms, chosen by the first byte: multipart/related in
 * blocks of any size, boxes of ISO base media files, times, segments and texts for X. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sandbox/platforms/facts.h"
#include "sandbox/platforms/related.h"
#include "sandbox/platforms/x_form.h"
#include "sandbox/platforms/x_text.h"
#include "sandbox/platforms/youtube.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool gather(void *arg, const void *data, size_t size)
{
    kn_str_add_bytes(arg, data, size);
    return true;
}

/* The file is the same in whatever blocks it comes. */
static void relate(const uint8_t *data, size_t size, size_t block, struct kn_str *file,
                   struct kn_str *json, enum kn_related_at *ret_at)
{
    struct kn_related related;
    assert(kn_related_begin(&related, "multipart/related; boundary=b"));
    for (size_t at = 0; at < size; at += block)
        (void)kn_related_feed(&related, data + at, KN_MIN(block, size - at), gather, file);
    *ret_at = related.at;
    kn_str_add_bytes(json, kn_str_text(&related.json), related.json.length);
    kn_related_free(&related);
}

static void compare_blocks(const uint8_t *data, size_t size)
{
    KN_SCOPED_STR whole = {0}, pieces = {0}, json = {0}, json_pieces = {0};
    enum kn_related_at end, end_pieces;
    relate(data, size, size + 1, &whole, &json, &end);
    relate(data, size, 3, &pieces, &json_pieces, &end_pieces);
    if (end != KN_RELATED_END)
        return;
    assert(end_pieces == end && whole.length == pieces.length && json.length == json_pieces.length);
    assert(whole.length == 0 || memcmp(whole.at, pieces.at, whole.length) == 0);
}

struct bytes {
    const uint8_t *data;
    size_t size;
};

static bool read_bytes(void *arg, int64_t at, void *data, size_t size)
{
    const struct bytes *bytes = arg;
    assert(at >= 0);
    if ((uint64_t)at > bytes->size || size > bytes->size - (size_t)at)
        return false;
    memcpy(data, bytes->data + at, size);
    return true;
}

static void read_segment(const uint8_t *data, size_t size)
{
    struct kn_xapi_form form;
    struct kn_arena *arena = kn_arena_new();
    assert(kn_xapi_form_begin(&form, "multipart/form-data; boundary=b"));
    const char *why = kn_xapi_form_read(&form, (const char *)data, size, arena);
    assert(why || form.size <= size);
    kn_arena_free(arena);
}

static const char *link_to(void *arg)
{
    ++*(int *)arg;
    return "x";
}

/* What is shown has as many addresses as were counted. */
static void read_text(const uint8_t *data, size_t size)
{
    struct kn_xapi_text read;
    int links = 0;
    struct kn_arena *arena = kn_arena_new();
    kn_xapi_text_read(kn_arena_strndup(arena, (const char *)data, size), arena, &read);
    (void)kn_xapi_text_show(&read, arena, link_to, &links);
    assert(links == read.links && read.weight <= 23 * (int64_t)read.length);
    kn_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t kind = data[0];
    data++;
    size--;
    if (kind == 'r') {
        compare_blocks(data, size);
    } else if (kind == 'b') {
        struct bytes bytes = {data, size};
        struct kn_box_source source = {(int64_t)size, read_bytes, &bytes};
        struct kn_shown_facts facts = {0};
        kn_shown_boxes_read(&source, &facts);
        assert(!facts.rearranged || facts.edits);
    } else if (kind == 'f') {
        read_segment(data, size);
    } else if (kind == 'x') {
        read_text(data, size);
    } else if (kind == 't') {
        char *text = calloc(1, size + 1);
        memcpy(text, data, size);
        assert(kn_yt_time(text) >= -INT64_C(100000000000) * 1000000);
        free(text);
    }
    return 0;
}
