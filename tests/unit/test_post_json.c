/* Posts as JSON: what is written is read again, and nothing else is. */
#include "run_help.h"

#include "base/json.h"
#include "base/str.h"
#include "platform/post_json.h"

static const struct kn_post_clip clip = {
    .path = "/a/b \xc3\xa9.mp4",
    .hash = "0123",
    .bytes = INT64_C(5000000000),
    .modified_us = INT64_C(1796126400123456),
    .duration_us = 30000000,
    .width_px = 1080,
    .height_px = 1920,
    .thumbnail = "/a/\xff.jpg",
};

static const char *const tags[] = {"one", "two three"};
static const struct kn_post_text text = {
    .title = "A “title”",
    .caption = "line\nline \xF0\x9F\x98\x80",
    .tag_count = 2,
    .tags = tags,
    .language = "pt-BR",
};
static const struct kn_post_options options = {
    .privacy = KN_PRIVACY_UNLISTED,
    .publish_at_us = 7, /* is not written */
    .cover_us = -1,
    .notify = true,
    .share_to_feed = true,
    .category = 28,
};

static void clips_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_post_clip read;
    struct kn_error err;
    const char *written = kn_post_clip_write(&clip, arena);
    assert_null(strchr(written, '\n'));
    if (kn_post_clip_read(written, arena, &read, &err) != KN_OK)
        fail_msg("%s", err.text);
    assert_string_equal(read.path, clip.path);
    assert_string_equal(read.hash, clip.hash);
    assert_int_equal(read.bytes, clip.bytes);
    assert_int_equal(read.modified_us, clip.modified_us);
    assert_int_equal(read.duration_us, clip.duration_us);
    assert_int_equal(read.width_px, clip.width_px);
    assert_int_equal(read.height_px, clip.height_px);
    assert_string_equal(read.thumbnail, clip.thumbnail);
    assert_null(read.subtitles);
    kn_arena_free(arena);
}

static void requests_are_read_as_they_were_written(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_post_text read;
    struct kn_post_options how;
    struct kn_error err;
    const char *written = kn_post_request_write(&text, &options, arena);
    if (kn_post_request_read(written, arena, &read, &how, &err) != KN_OK)
        fail_msg("%s", err.text);
    assert_string_equal(read.title, text.title);
    assert_string_equal(read.caption, text.caption);
    assert_string_equal(read.language, text.language);
    assert_int_equal(read.tag_count, 2);
    assert_string_equal(read.tags[1], tags[1]);
    assert_int_equal(how.privacy, options.privacy);
    assert_int_equal(how.publish_at_us, 0);
    assert_int_equal(how.category, options.category);
    assert_int_equal(how.cover_us, options.cover_us);
    assert_true(!how.made_for_kids && how.notify && !how.draft && !how.made_with_ai &&
                how.share_to_feed);
    kn_arena_free(arena);
}

static void expect_wrong(const char *written, bool is_clip, const char *sentence)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err = {0};
    struct kn_post_clip clip_read = {.bytes = 42};
    struct kn_post_text text_read;
    struct kn_post_options how;
    enum kn_status status = is_clip ? kn_post_clip_read(written, arena, &clip_read, &err)
                                    : kn_post_request_read(written, arena, &text_read, &how, &err);
    if (status != KN_DAMAGED || !strstr(err.text, sentence))
        fail_msg("%s: %s, \"%s\" instead of \"%s\"", written, kn_status_name(status), err.text,
                 sentence);
    assert_int_equal(clip_read.bytes, 42);
    kn_arena_free(arena);
}

/* What is written, with one key set to something else, or taken out (NULL). */
static void expect_refused(bool is_clip, const char *key, const char *value, const char *sentence)
{
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED_JSON json = json_loads(is_clip ? kn_post_clip_write(&clip, arena)
                                             : kn_post_request_write(&text, &options, arena),
                                     0, NULL);
    if (value)
        json_object_set_new(json, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(json, key);
    char *changed = json_dumps(json, 0);
    expect_wrong(changed, is_clip, sentence);
    free(changed);
    kn_arena_free(arena);
}

static void nothing_else_is_read(void **state)
{
    (void)state;
    static const char *const none[] = {"", "7", "[]", "null", "{", "{\"path\":\"/a\",\"path\":1}"};
    for (size_t i = 0; i < KN_COUNT_OF(none); i++) {
        expect_wrong(none[i], true, "clip is not a JSON object");
        expect_wrong(none[i], false, "options is not a JSON object");
    }
    expect_refused(true, "path", NULL, "“path” is missing");
    expect_refused(true, "path", "\"a\"", "“path” is not an absolute path");
    expect_refused(true, "path", "null", "“path” is not a text");
    expect_refused(true, "thumbnail", "7", "“thumbnail” is not a text");
    expect_refused(true, "bytes", "-1", "“bytes” is not a number that can be");
    expect_refused(true, "bytes", "1.5", "“bytes” is not a number that can be");
    expect_refused(true, "width_px", "99999999", "“width_px” is not a number that can be");
    expect_refused(true, "new", "7", "“new” is not known to kirinuki");
    expect_refused(false, "privacy", "\"secret\"", "“privacy” is none that there is");
    expect_refused(false, "tags", "[7]", "“tags” has one that is not a text");
    expect_refused(false, "tags", "{}", "“tags” is not a list of tags");
    expect_refused(false, "draft", "0", "“draft” is neither true nor false");
    expect_refused(false, "draft", NULL, "“draft” is missing");
    expect_refused(false, "a\\u001b", "0", "is not known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clips_are_read_as_they_were_written),
        cmocka_unit_test(requests_are_read_as_they_were_written),
        cmocka_unit_test(nothing_else_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
