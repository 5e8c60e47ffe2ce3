/* Renditions that a render makes on its way: which, and where they are found afterwards. */
#include "support/media.h"

#include <kirinuki/cancel.h>

#include "base/clock.h"
#include "pipeline/post_facts.h"
#include "pipeline/rendition_ahead.h"
#include "pipeline/rendition_cache.h"

/* ---- which ---- */

static const struct kn_media_rules roomy = {.width_max_px = 4096, .containers = NULL};
/* As X has them. */
static const struct kn_media_rules narrow = {.width_max_px = 1280,
                                             .height_max_px = 1280,
                                             .short_side_max_px = 1024,
                                             .duration_max_us = 1200 * KN_US_PER_S};
static const struct kn_media_rules smooth = {.fps_min = 23, .fps_max = 60};
static const struct kn_media_rules tiny = {.width_max_px = 640, .bytes_max = 1000000};

/* "0:720x1280 2:1280x720", the number being that of the aspect. */
static const char *planned(const struct kn_media_rules *const *rules, int count, int fps,
                           int64_t duration_us, bool copy, struct kn_arena *arena)
{
    const struct kn_renditions_ahead ahead = {"", count, rules};
    const struct kn_source source = {
        .has_video = true, .width_px = 1920, .height_px = 1080, .frame_rate = {fps, 1}};
    struct kn_rendition_ahead found[KN_RENDITIONS_AHEAD_MAX];
    struct kn_job_options options;
    const char *text = "";
    kn_job_defaults(&options);
    options.copy = copy;
    options.aspects = (struct kn_aspects){3, {KN_ASPECT_9_16, KN_ASPECT_1_1, KN_ASPECT_16_9}};
    int found_count = kn_renditions_plan(&ahead, &source, &options, duration_us, found);
    for (int i = 0; i < found_count; i++) {
        text = kn_arena_printf(arena, "%s%s%d:%dx%d", text, i ? " " : "", found[i].aspect,
                               found[i].target.width_px, found[i].target.height_px);
        assert_true(found[i].picture_bits > 0);
    }
    return text;
}

static void rules_tell_which_are_needed(void **state)
{
    static const struct {
        const struct kn_media_rules *rules[3];
        int count, fps;
        int64_t seconds;
        bool copy;
        const char *want;
    } cases[] = {
        {{&roomy}, 1, 30, 30, false, ""},
        {{&narrow}, 1, 30, 30, false, "0:720x1280 1:1024x1024 2:1280x720"},
        {{&roomy, &narrow, &narrow}, 3, 30, 30, false, "0:720x1280 1:1024x1024 2:1280x720"},
        {{&narrow}, 1, 30, 30, true, ""},    /* the size of a copy is the source's */
        {{&narrow}, 1, 30, 1300, false, ""}, /* too long whatever its size */
        {{&smooth}, 1, 30, 30, false, ""},
        {{&smooth}, 1, 15, 30, false, ""}, /* another rate is made of the finished clip */
        {{&narrow, &tiny},
         2,
         30,
         5,
         false,
         "0:720x1280 0:640x1138 1:1024x1024 1:640x640"}, /* as many as a render takes */
        {{&tiny}, 1, 30, 60, false, ""},                 /* no bits would be left for pictures */
    };
    struct kn_arena *arena = kn_arena_new();
    (void)state;
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        const char *got = planned(cases[i].rules, cases[i].count, cases[i].fps,
                                  cases[i].seconds * KN_US_PER_S, cases[i].copy, arena);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("case %zu: %s", i, got);
    }
    kn_arena_free(arena);
}

/* ---- where ---- */

static const struct kn_media_rules low = {.width_max_px = 64};

struct trial {
    struct kn_arena *arena;
    const char *folder, *clip, *made;
    const struct kn_media_rules *rules;
    struct kn_renditions_ahead ahead;
    struct kn_rendition_ahead rendition;
};

static void must(enum kn_status status, const struct kn_error *err)
{
    if (status != KN_OK)
        fail_msg("%s: %s", kn_status_name(status), kn_error_text(err));
}

static const char *make(const struct trial *trial, const char *name, const char *size)
{
    const char *path = kn_path_join(trial->arena, trial->folder, name);
    make_media("-f lavfi -i testsrc=s=%s:r=25:d=0.2 -pix_fmt yuv420p -c:v libx264 -preset "
               "ultrafast %s",
               size, path);
    return path;
}

/* A clip of 128x160, for which 64x80 is wanted. */
static void begin(struct trial *trial, const char *size)
{
    struct kn_error err = {0};
    struct kn_media_facts facts;
    *trial = (struct trial){.arena = kn_arena_new(), .rules = &low};
    trial->folder = temp_folder(trial->arena);
    trial->ahead = (struct kn_renditions_ahead){trial->folder, 1, &trial->rules};
    trial->clip = make(trial, "clip.mp4", "128x160");
    trial->made = make(trial, "made.1.part.mp4", size);
    must(kn_post_facts(trial->clip, trial->arena, NULL, &facts, &err), &err);
    facts.duration_us += 1000; /* it is known about */
    trial->rendition =
        (struct kn_rendition_ahead){.rules = &low, .target = kn_rendition_target_of(&facts, &low)};
}

static void end(struct trial *trial)
{
    temp_folder_remove(trial->folder);
    kn_arena_free(trial->arena);
}

static enum kn_status keep(struct trial *trial, struct kn_error *err)
{
    enum kn_status status = kn_rendition_ahead_keep(&trial->ahead, &trial->rendition, trial->clip,
                                                    trial->made, NULL, err);
    assert_false(kn_file_exists(trial->made));
    return status;
}

/* As who posts the clip gets it. */
static struct kn_rendition get(struct trial *trial)
{
    struct kn_rendition got;
    struct kn_media_facts facts;
    struct kn_file_identity identity;
    struct kn_error err = {0};
    char hash[KN_HASH_TEXT_BYTES];
    must(kn_post_facts(trial->clip, trial->arena, NULL, &facts, &err), &err);
    must(kn_file_identify(trial->clip, &identity, &err), &err);
    must(kn_file_hash(trial->clip, NULL, NULL, hash, &err), &err);
    const struct kn_post_clip clip = {
        .path = trial->clip,
        .hash = hash,
        .bytes = identity.size_bytes,
        .modified_us = identity.changed_s * KN_US_PER_S + identity.changed_ns / 1000,
    };
    struct kn_rendition_target target = kn_rendition_target_of(&facts, &low);
    must(kn_rendition_get(trial->folder, &clip, &target, 1, trial->arena, NULL, NULL, &got, &err),
         &err);
    return got;
}

static void who_posts_the_clip_finds_it(void **state)
{
    (void)state;
    struct trial trial;
    struct kn_error err = {0};
    struct kn_file_identity before, after;
    begin(&trial, "64x80");
    must(keep(&trial, &err), &err);
    struct kn_rendition first = get(&trial);
    assert_true(first.reused);
    assert_int_equal(first.file.width_px, 64);

    /* It may be on its way to a platform: it stays, though the same is made once more. */
    must(kn_file_identify(first.file.path, &before, &err), &err);
    trial.made = make(&trial, "made.2.part.mp4", "64x80");
    must(keep(&trial, &err), &err);
    must(kn_file_identify(first.file.path, &after, &err), &err);
    assert_int_equal(before.inode, after.inode);
    assert_true(get(&trial).reused);
    end(&trial);
}

static void what_is_not_as_wanted_goes(void **state)
{
    (void)state;
    static const char *const sizes[] = {"62x80", "66x80"};
    for (size_t i = 0; i < KN_COUNT_OF(sizes); i++) {
        struct trial trial;
        struct kn_error err = {0};
        begin(&trial, sizes[i]);
        assert_int_equal(keep(&trial, &err), KN_INVALID);
        assert_int_equal(count_files(trial.folder), 1);
        assert_false(get(&trial).reused); /* made of the clip, as if nothing had been */
        end(&trial);
    }
    struct trial trial;
    struct kn_error err = {0};
    begin(&trial, "64x80");
    assert_int_equal(truncate(trial.made, 100), 0);
    assert_int_not_equal(keep(&trial, &err), KN_OK);
    trial.made = make(&trial, "made.2.part.mp4", "64x80");
    trial.clip = kn_path_join(trial.arena, trial.folder, "gone.mp4");
    assert_int_equal(keep(&trial, &err), KN_NOT_FOUND);
    end(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_tell_which_are_needed),
        cmocka_unit_test(who_posts_the_clip_finds_it),
        cmocka_unit_test(what_is_not_as_wanted_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
