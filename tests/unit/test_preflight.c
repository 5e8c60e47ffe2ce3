/* What a check before the first byte finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/str.h"
#include "platform/preflight.h"
#include "support/arena_state.h"

static const struct kn_media_rules rules = {
    .bytes_max = 300000000,
    .duration_min_us = 3000000,
    .duration_max_us = 140000000,
    .width_min_px = 32,
    .width_max_px = 1280,
    .height_max_px = 1280,
    .short_side_max_px = 1100,
    .aspect_min = 1.0 / 3,
    .aspect_max = 3,
    .fps_min = 23,
    .fps_max = 60,
    .containers = (const char *const[]){"mp4", "mov", NULL},
    .video_codecs = (const char *const[]){"h264", NULL},
    .audio_codecs = (const char *const[]){"aac", NULL},
    .audio_rate_max = 48000,
    .audio_channels_max = 2,
    .video_bits_a_second_max = 25000000,
    .index_first = true,
    .no_edit_lists = true,
};
static const struct kn_platform platform = {
    .name = "strict",
    .label = "Strict",
    .title = {"title", 1, 10, KN_UNIT_UTF16, "<>", 0, 0, "{title}"},
    .caption = {"caption", 0, 280, KN_UNIT_WEIGHTED, NULL, 2, 1, "{title}"},
    .tags_max = 8,
    .media = &rules,
    .schedules = true,
    .privacies = 1u << KN_PRIVACY_PUBLIC | 1u << KN_PRIVACY_PRIVATE,
};

static const struct kn_media_facts good_facts = {.bytes = 4000000,
                                                 .duration_us = 30000000,
                                                 .width_px = 1080,
                                                 .height_px = 1280,
                                                 .fps = 29.97,
                                                 .container = "mp4",
                                                 .video_codec = "h264",
                                                 .audio_codec = "aac",
                                                 .audio_rate = 48000,
                                                 .audio_channels = 2,
                                                 .video_bits_a_second = 1000000,
                                                 .index_first = true};
static const struct kn_post_text good_text = {.title = "Title", .caption = "#a #b @c"};
static const struct kn_post_options good_options = {.cover_us = -1};

/* The rules that are broken, "size duration"; and every sentence is one. */
static const char *broken(const struct kn_media_facts *facts, const struct kn_post_text *text,
                          const struct kn_post_options *options, struct kn_arena *arena)
{
    const struct kn_finding *findings;
    const struct kn_preflight asked = {.platform = &platform,
                                       .facts = facts,
                                       .text = text,
                                       .options = options,
                                       .now_us = INT64_C(1000000000),
                                       .account_duration_max_us = 100000000};
    int count = kn_preflight(&asked, arena, &findings);
    KN_SCOPED_STR names = {0};
    for (int i = 0; i < count; i++) {
        kn_str_printf(&names, "%s%s", i ? " " : "", findings[i].rule);
        assert_true(kn_starts_with(findings[i].text, "Strict: "));
        assert_true(findings[i].remedy[0] && kn_text_is_clean(findings[i].text));
    }
    return kn_arena_strdup(arena, kn_str_text(&names));
}

#define BROKEN_BY(change)                                                                          \
    ({                                                                                             \
        struct kn_media_facts facts = good_facts;                                                  \
        struct kn_post_text text = good_text;                                                      \
        struct kn_post_options options = good_options;                                             \
        change;                                                                                    \
        broken(&facts, &text, &options, *state);                                                   \
    })

static void what_is_right_is_not_complained_of(void **state)
{
    assert_string_equal(broken(&good_facts, &good_text, &good_options, *state), "");
}

static void every_rule_of_the_file_is_checked(void **state)
{
    assert_string_equal(BROKEN_BY(facts.bytes = 300000001), "size");
    assert_string_equal(BROKEN_BY(facts.bytes = 0), "size");
    assert_string_equal(BROKEN_BY(facts.duration_us = 2999999), "duration");
    assert_string_equal(BROKEN_BY(facts.duration_us = 100000001), "duration"); /* the account's */
    assert_string_equal(BROKEN_BY((facts.width_px = 1281, facts.height_px = 1000)), "width");
    assert_string_equal(BROKEN_BY(facts.width_px = 31), "width aspect");
    assert_string_equal(BROKEN_BY(facts.height_px = 1920), "height");
    assert_string_equal(BROKEN_BY(facts.width_px = 1101), "short-side");
    assert_string_equal(BROKEN_BY(facts.fps = 22.9), "fps");
    assert_string_equal(BROKEN_BY(facts.fps = 60.0001), "");
    assert_string_equal(BROKEN_BY(facts.fps = 61), "fps");
    assert_string_equal(BROKEN_BY(facts.container = "webm"), "container");
    assert_string_equal(BROKEN_BY(facts.video_codec = "vp9"), "video-codec");
    assert_string_equal(BROKEN_BY(facts.video_codec = NULL), "video");
    assert_string_equal(BROKEN_BY(facts.audio_codec = "opus"), "audio-codec");
    assert_string_equal(BROKEN_BY(facts.audio_codec = NULL), "");
    assert_string_equal(BROKEN_BY(facts.audio_rate = 96000), "audio-rate");
    assert_string_equal(BROKEN_BY(facts.audio_channels = 6), "audio-channels");
    assert_string_equal(BROKEN_BY(facts.video_bits_a_second = 25000001), "bitrate");
    assert_string_equal(BROKEN_BY(facts.index_first = false), "index");
    assert_string_equal(BROKEN_BY(facts.edit_lists = true), "edit-list");
}

static void every_rule_of_texts_and_options_is_checked(void **state)
{
    assert_string_equal(BROKEN_BY(text.title = ""), "title");
    assert_string_equal(BROKEN_BY(text.title = "12345678901"), "title");
    assert_string_equal(BROKEN_BY(text.title = "😷😷😷😷😷"), "");
    assert_string_equal(BROKEN_BY(text.title = "😷😷😷😷😷!"), "title");
    assert_string_equal(BROKEN_BY(text.title = "a < b"), "title");
    assert_string_equal(BROKEN_BY(text.caption = "#a #b #c"), "hashtags");
    assert_string_equal(BROKEN_BY(text.caption = "@a @b"), "mentions");
    const char *const tags[] = {"a bcd", "e"};
    assert_string_equal(BROKEN_BY((text.tags = tags, text.tag_count = 2)), "tags");
    assert_string_equal(BROKEN_BY((text.tags = tags, text.tag_count = 1)), "");
    assert_string_equal(BROKEN_BY(options.privacy = KN_PRIVACY_FRIENDS), "privacy");
    assert_string_equal(BROKEN_BY(options.privacy = KN_PRIVACY_PRIVATE), "");
    assert_string_equal(BROKEN_BY(options.publish_at_us = 999999999), "time");
    assert_string_equal(BROKEN_BY(options.publish_at_us = 1000000001), "");
    assert_string_equal(BROKEN_BY(options.cover_us = 30000001), "cover");
    assert_string_equal(BROKEN_BY(options.draft = true), "draft");
    /* Shown by the platform itself it is public. */
    assert_string_equal(
        BROKEN_BY((options.privacy = KN_PRIVACY_PRIVATE, options.publish_at_us = 1000000001)),
        "privacy");
    assert_string_equal(
        BROKEN_BY((options.privacy = KN_PRIVACY_PUBLIC, options.publish_at_us = 1000000001)), "");
}

static void sentences_name_value_and_limit(void **state)
{
    struct kn_arena *arena = *state;
    const struct kn_finding *findings;
    struct kn_media_facts facts = good_facts;
    facts.duration_us = 3723500000;
    facts.width_px = 3000;
    facts.height_px = 1080;
    const struct kn_preflight asked = {
        .platform = &platform, .facts = &facts, .text = &good_text, .options = &good_options};
    assert_int_equal(kn_preflight(&asked, arena, &findings), 2);
    assert_string_equal(findings[0].text,
                        "Strict: the clip lasts 1:02:03 h, and 2:20 min are allowed");
    assert_string_equal(findings[1].text,
                        "Strict: the picture is 3000 pixels wide, and 32 to 1280 are allowed");
    assert_true(findings[1].rendition && !findings[0].rendition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(what_is_right_is_not_complained_of),
        ARENA_TEST(every_rule_of_the_file_is_checked),
        ARENA_TEST(every_rule_of_texts_and_options_is_checked),
        ARENA_TEST(sentences_name_value_and_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
