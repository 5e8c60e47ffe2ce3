/* Captions as libass draws them: inside the safe area, in time, with every letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <ass/ass.h>

#include "base/memory.h"
#include "base/str.h"
#include "clip/captions.h"
#include "clip/captions_style.h"
#include "model/clip.h"

static const struct kn_word english[] = {
    {200000, 700000, "Why", 1, -1, true},
    {700000, 1000000, "we", 1, -1, false},
    {1000000, 1500000, "sleep", 1, -1, false},
    {1500000, 1900000, "(and", 1, -1, false},
    {1900000, 2300000, "dream)", 1, -1, false},
    {2300000, 2800000, "matters.", 1, -1, false},
    {4500000, 5200000, "Nobody", 1, -1, true},
    {5200000, 5600000, "knows", 1, -1, false},
    {5600000, 6400000, "everything!", 1, -1, false},
};
static const struct kn_word arabic[] = {
    {200000, 700000, "نحن", 1, -1, true},   {700000, 1300000, "ننام", 1, -1, false},
    {1300000, 1700000, "20", 1, -1, false}, {1700000, 2200000, "ساعة", 1, -1, false},
    {2200000, 2700000, "in", 1, -1, false}, {2700000, 3200000, "Cairo", 1, -1, false},
};

struct stage {
    ASS_Library *library;
    ASS_Renderer *renderer;
    ASS_Track *track;
};

static void say_nothing(int level, const char *format, va_list args, void *arg)
{
    (void)level, (void)format, (void)args, (void)arg;
}

static void open_stage(struct stage *stage, const char *ass, int width, int height)
{
    KN_SCOPED_MEM char *script = kn_strdup(ass);
    stage->library = ass_library_init();
    ass_set_message_cb(stage->library, say_nothing, NULL);
    stage->renderer = ass_renderer_init(stage->library);
    ass_set_frame_size(stage->renderer, width, height);
    ass_set_storage_size(stage->renderer, width, height);
    ass_set_fonts(stage->renderer, NULL, "sans-serif", ASS_FONTPROVIDER_FONTCONFIG, NULL, 1);
    stage->track = ass_read_memory(stage->library, script, strlen(script), NULL);
    assert_non_null(stage->track);
}

static void close_stage(struct stage *stage)
{
    ass_free_track(stage->track);
    ass_renderer_done(stage->renderer);
    ass_library_done(stage->library);
}

/* The extent of what is drawn in one colour (0xRRGGBB) and opaque; false: nothing is. */
static bool find_color(const ASS_Image *images, uint32_t color, struct kn_caption_box *ret)
{
    bool found = false;

    for (const ASS_Image *i = images; i; i = i->next) {
        if (i->color >> 8 != color || (i->color & 0xff) > 0x40)
            continue;
        for (int y = 0; y < i->h; y++) {
            for (int x = 0; x < i->w; x++) {
                if (i->bitmap[(ptrdiff_t)y * i->stride + x] < 128)
                    continue;
                double at_x = i->dst_x + x, at_y = i->dst_y + y;
                if (!found)
                    *ret = (struct kn_caption_box){at_x, at_y, at_x + 1, at_y + 1};
                found = true;
                ret->left = KN_MIN(ret->left, at_x);
                ret->right = KN_MAX(ret->right, at_x + 1);
                ret->top = KN_MIN(ret->top, at_y);
                ret->bottom = KN_MAX(ret->bottom, at_y + 1);
            }
        }
    }
    return found;
}

static const ASS_Image *draw(struct stage *stage, int64_t at_us)
{
    int changed;
    return ass_render_frame(stage->renderer, stage->track, at_us / 1000, &changed);
}

/* At the middle of each word: it stands where the layout says, in the colour of what is said. */
static void check_words(struct stage *stage, const struct kn_captions *c,
                        const struct kn_caption_look *look, const struct kn_caption_area *area,
                        const char *what)
{
    for (int i = 0; i < c->count; i++) {
        const struct kn_caption *s = &c->captions[i];
        for (int k = 0; k < s->word_count; k++) {
            const struct kn_caption_word *w = &c->words[s->first_word + k];
            /* Late enough for all movement to have settled. */
            const ASS_Image *images = draw(stage, w->end_us - 30000);
            struct kn_caption_box box;
            if (!find_color(images, look->active, &box))
                fail_msg("%s: “%s” is not in the active colour", what, w->shown);
            if (box.left < area->left - 1 || box.right > area->right + 1 || box.top < area->top ||
                box.bottom > area->bottom)
                fail_msg("%s: “%s” is drawn over %.0f..%.0f, %.0f..%.0f", what, w->shown, box.left,
                         box.right, box.top, box.bottom);
            if (look->active == look->text || look->fills)
                continue;
            double grown = (look->pop - 1) / 2 * (w->ink.right - w->ink.left) + 2.5;
            if (box.left < w->ink.left - grown || box.left > w->ink.left + 2.5 ||
                box.right > w->ink.right + grown || box.right < w->ink.right - 2.5)
                fail_msg("%s: “%s” is drawn over %.0f..%.0f, not %.0f..%.0f", what, w->shown,
                         box.left, box.right, w->ink.left, w->ink.right);
        }
    }
}

static void drawn_words_stand_where_the_layout_says(void **state)
{
    (void)state;
    static const struct kn_timeline timelines[] = {
        {.language = "en", .word_count = KN_COUNT_OF(english), .words = english},
        {.language = "ar", .word_count = KN_COUNT_OF(arabic), .words = arabic},
    };
    for (size_t t = 0; t < KN_COUNT_OF(timelines); t++) {
        for (int style = 0; style < KN_CAPTIONS_OFF; style++) {
            for (int aspect = 0; aspect < KN_ASPECT_COUNT; aspect++) {
                struct kn_arena *arena = kn_arena_new();
                struct kn_caption_options o = {.style = style};
                struct kn_captions c;
                struct stage stage;
                KN_SCOPED_STR ass = {0};
                char what[80];

                kn_aspect_size(aspect, &o.width_px, &o.height_px);
                kn_captions_layout(&timelines[t], 0, 7000000, &o, arena, &c);
                kn_captions_ass(&c, &o, &ass);
                open_stage(&stage, kn_str_text(&ass), o.width_px, o.height_px);
                snprintf(what, sizeof what, "%s, %s, %s", timelines[t].language,
                         kn_caption_style_name(style), kn_aspect_name(aspect));
                struct kn_caption_area area = kn_caption_area(o.width_px, o.height_px);
                check_words(&stage, &c, kn_caption_look(style), &area, what);
                close_stage(&stage);
                kn_arena_free(arena);
            }
        }
    }
}

/* While a word of `bold` swells, what is left between its edge and its neighbours'. */
static void words_that_swell_stay_apart(void **state)
{
    (void)state;
    static const struct kn_word long_words[] = {
        {0, 500000, "The", 1, -1, true},
        {500000, 1500000, "bear", 1, -1, false},
        {1500000, 1900000, "that", 1, -1, false},
        {1900000, 2500000, "danced", 1, -1, false},
        {3000000, 3800000, "uncommonly", 1, -1, true},
        {3800000, 4500000, "commercial", 1, -1, false},
        {4500000, 5200000, "uses.", 1, -1, false},
    };
    static const struct kn_timeline timeline = {
        .language = "en", .word_count = KN_COUNT_OF(long_words), .words = long_words};
    const struct kn_caption_look *look = kn_caption_look(KN_CAPTIONS_BOLD);
    for (int aspect = 0; aspect < KN_ASPECT_COUNT; aspect++) {
        struct kn_arena *arena = kn_arena_new();
        struct kn_caption_options o = {.style = KN_CAPTIONS_BOLD};
        struct kn_captions c;
        struct stage stage;
        KN_SCOPED_STR ass = {0};

        kn_aspect_size(aspect, &o.width_px, &o.height_px);
        kn_captions_layout(&timeline, 0, 6000000, &o, arena, &c);
        kn_captions_ass(&c, &o, &ass);
        open_stage(&stage, kn_str_text(&ass), o.width_px, o.height_px);
        double unit = kn_caption_area(o.width_px, o.height_px).unit;
        for (int i = 0; i < c.count; i++) {
            const struct kn_caption *s = &c.captions[i];
            for (int k = 1; k < s->word_count; k++) {
                const struct kn_caption_word *left = &c.words[s->first_word + k - 1];
                const struct kn_caption_word *right = left + 1;
                struct kn_caption_box box;
                if (k == s->line_break)
                    continue;
                double least = (2 * look->edge + 0.13 * look->em * s->scale) * unit;
                assert_true(find_color(draw(&stage, left->end_us - 30000), look->active, &box));
                if (right->ink.left - box.right < least)
                    fail_msg("%s: %.0f px between “%s” and “%s”, not %.0f", kn_aspect_name(aspect),
                             right->ink.left - box.right, left->shown, right->shown, least);
                assert_true(find_color(draw(&stage, right->end_us - 30000), look->active, &box));
                if (box.left - left->ink.right < least)
                    fail_msg("%s: %.0f px between “%s” and “%s”, not %.0f", kn_aspect_name(aspect),
                             box.left - left->ink.right, left->shown, right->shown, least);
            }
        }
        close_stage(&stage);
        kn_arena_free(arena);
    }
}

static void nothing_is_drawn_while_nobody_speaks(void **state)
{
    (void)state;
    static const struct kn_timeline timeline = {
        .language = "en", .word_count = KN_COUNT_OF(english), .words = english};
    struct kn_arena *arena = kn_arena_new();
    struct kn_caption_options o = {
        .style = KN_CAPTIONS_KARAOKE, .width_px = 1080, .height_px = 1920};
    KN_SCOPED_STR ass = {0};
    struct kn_captions c;
    struct stage stage;

    kn_captions_layout(&timeline, 0, 7000000, &o, arena, &c);
    kn_captions_ass(&c, &o, &ass);
    open_stage(&stage, kn_str_text(&ass), o.width_px, o.height_px);
    assert_null(draw(&stage, 50000)); /* before the first word */
    assert_non_null(draw(&stage, 250000));
    assert_null(draw(&stage, 3800000)); /* in the pause */
    assert_non_null(draw(&stage, 4550000));
    assert_null(draw(&stage, 6950000)); /* after the last word and its hold */
    close_stage(&stage);
    kn_arena_free(arena);
}

static void titles_are_cards_within_the_safe_area(void **state)
{
    (void)state;
    enum { JAPANESE = 2 };
    static const char *const titles[] = {
        "Sleep",
        "Why we sleep, and what it does to your brain",
        [JAPANESE] = "「眠り」の秘密：なぜ私たちは一日の三分の一を眠って過ごすのか、脳科学者が語る",
        "لماذا ننام، وماذا يفعل النوم بدماغك",
        "Pneumonoultramicroscopicsilicovolcanoconiosis-Rindfleischetikettierungsüberwachung",
    };
    static const struct kn_timeline silent = {.language = NULL};
    for (size_t i = 0; i < KN_COUNT_OF(titles); i++) {
        for (int aspect = 0; aspect < KN_ASPECT_COUNT; aspect++) {
            struct kn_arena *arena = kn_arena_new();
            struct kn_caption_options o = {.style = KN_CAPTIONS_OFF, .title = titles[i]};
            struct kn_captions c;
            struct kn_caption_box card, letters;
            struct stage stage;
            KN_SCOPED_STR ass = {0};

            kn_aspect_size(aspect, &o.width_px, &o.height_px);
            kn_captions_layout(&silent, 0, 9000000, &o, arena, &c);
            kn_captions_ass(&c, &o, &ass);
            open_stage(&stage, kn_str_text(&ass), o.width_px, o.height_px);
            struct kn_caption_area area = kn_caption_area(o.width_px, o.height_px);
            const ASS_Image *images = draw(&stage, 1000000);
            if (i == JAPANESE && !c.title.line_count) { /* no font has its letters: no empty card */
                assert_null(images);
                close_stage(&stage);
                kn_arena_free(arena);
                continue;
            }
            assert_true(find_color(images, 0xffffff, &card));
            assert_true(find_color(images, KN_TITLE_COLOR, &letters));
            if (card.left < area.left - 1 || card.right > area.right + 1 || card.top < area.top - 1)
                fail_msg("title %zu, %s: the card covers %.0f..%.0f from %.0f", i,
                         kn_aspect_name(aspect), card.left, card.right, card.top);
            if (letters.left < card.left || letters.right > card.right || letters.top < card.top ||
                letters.bottom > card.bottom)
                fail_msg("title %zu, %s: letters leave the card", i, kn_aspect_name(aspect));
            assert_null(draw(&stage, 4000000)); /* gone after its seconds */
            close_stage(&stage);
            kn_arena_free(arena);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_words_stand_where_the_layout_says),
        cmocka_unit_test(words_that_swell_stay_apart),
        cmocka_unit_test(nothing_is_drawn_while_nobody_speaks),
        cmocka_unit_test(titles_are_cards_within_the_safe_area),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
