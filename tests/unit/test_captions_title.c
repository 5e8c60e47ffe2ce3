#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "clip/captions.h"
#include "clip/captions_style.h"

static const char long_title[] = "The Paris office is a cultural exception, like the cultural "
                                 "trail was in Google";
static const char talk[] = "The Paris office is a cultural exception, like the cultural trail was "
                           "in Google. It shows the will of everybody to invest for long.";

/* 0.3 s a word. */
static void speak(struct kn_arena *arena, struct kn_timeline *ret_timeline, int64_t *ret_end_us)
{
    enum { WORDS_MOST = 40 };
    struct kn_word *words = kn_arena_array(arena, WORDS_MOST, sizeof *words);
    char *rest = NULL;
    int count = 0;
    for (char *w = strtok_r(kn_arena_strdup(arena, talk), " ", &rest); w;
         w = strtok_r(NULL, " ", &rest)) {
        assert_true(count < WORDS_MOST);
        int64_t start_us = 50000 + count * (int64_t)300000;
        words[count] = (struct kn_word){start_us, start_us + 280000, w, 1.0f, -1, count == 0};
        count++;
    }
    *ret_timeline = (struct kn_timeline){.language = "en", .word_count = count, .words = words};
    *ret_end_us = words[count - 1].end_us;
}

/* The card of the title, by the distance of its lines. */
static struct kn_caption_box card_of(const struct kn_caption_title *title, double unit)
{
    assert_true(title->line_count >= 1);
    double half = KN_TITLE_EM * KN_TITLE_PITCH * unit / 2;
    if (title->line_count > 1)
        half = (title->lines[1].y - title->lines[0].y) / 2;
    struct kn_caption_box card = {INFINITY, title->lines[0].y - half, -INFINITY,
                                  title->lines[title->line_count - 1].y + half};
    for (int i = 0; i < title->line_count; i++) {
        card.left = fmin(card.left, title->lines[i].ink.left);
        card.right = fmax(card.right, title->lines[i].ink.right);
    }
    return card;
}

static void check_apart(const struct kn_captions *c, const struct kn_caption_options *o,
                        const char *what)
{
    double unit = kn_caption_area(o->width_px, o->height_px).unit;
    struct kn_caption_box card = card_of(&c->title, unit);
    for (int i = 0; i < c->count && c->captions[i].start_us < c->title.end_us; i++) {
        const struct kn_caption *s = &c->captions[i];
        for (int k = 0; k < s->word_count; k++) {
            const struct kn_caption_word *w = &c->words[s->first_word + k];
            if (w->ink.top < card.bottom + 14 * unit && w->ink.bottom > card.top - 14 * unit)
                fail_msg("%s, %s, %s: “%s” at %.0f..%.0f, the card at %.0f..%.0f", what,
                         kn_caption_style_name(o->style),
                         o->height_px > o->width_px ? "tall" : "wide", w->shown, w->ink.top,
                         w->ink.bottom, card.top, card.bottom);
        }
    }
}

/* Wherever heads are: captions and the title are both to be read. */
static void titles_never_touch_captions(void **state)
{
    (void)state;
    static const struct kn_caption_box heads[] = {
        {0, 0, 0, 0},
        {0.37, 0.26, 0.75, 0.47}, /* as in an interview: hair up to the safe area */
        {0.30, 0.05, 0.70, 0.40},
        {0.05, 0.02, 0.95, 0.62},
        {0.00, 0.00, 1.00, 1.00},
    };
    static const enum kn_layout layouts[] = {KN_LAYOUT_FILL, KN_LAYOUT_FIT, KN_LAYOUT_SPLIT};
    struct kn_arena *arena = kn_arena_new();
    struct kn_timeline timeline;
    int64_t end_us;
    speak(arena, &timeline, &end_us);
    for (int i = 0; i < KN_CAPTIONS_OFF * KN_ASPECT_COUNT; i++) {
        struct kn_caption_options o = {.style = i % KN_CAPTIONS_OFF, .title = long_title};
        kn_aspect_size(i / KN_CAPTIONS_OFF, &o.width_px, &o.height_px);
        for (size_t k = 0; k < KN_COUNT_OF(heads) * KN_COUNT_OF(layouts); k++) {
            const struct kn_caption_box *head = &heads[k / KN_COUNT_OF(layouts)];
            const struct kn_caption_stretch stretch = {0, end_us, layouts[k % KN_COUNT_OF(layouts)],
                                                       o.height_px * 0.66};
            const struct kn_caption_face face = {0,
                                                 end_us,
                                                 {head->left * o.width_px, head->top * o.height_px,
                                                  head->right * o.width_px,
                                                  head->bottom * o.height_px}};
            const struct kn_caption_ground ground = {1, 1, &stretch, &face};
            struct kn_captions c;
            char what[40];
            o.ground = &ground;
            kn_captions_layout(&timeline, 0, end_us, &o, arena, &c);
            snprintf(what, sizeof what, "head %zu, layout %zu", k / KN_COUNT_OF(layouts),
                     k % KN_COUNT_OF(layouts));
            check_apart(&c, &o, what);
        }
    }
    kn_arena_free(arena);
}

/* Where there is no room but over hair or over captions or over a mouth, hair it is. */
static void hair_gives_way_to_faces_and_words(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_timeline timeline;
    int64_t end_us;
    speak(arena, &timeline, &end_us);
    const struct kn_caption_stretch fill = {0, end_us, KN_LAYOUT_FILL, 0};
    const struct kn_caption_face face = {0, end_us, {400, 560, 800, 960}};
    const struct kn_caption_ground ground = {1, 1, &fill, &face};
    for (int style = 0; style < KN_CAPTIONS_OFF; style++) {
        const struct kn_caption_options o = {.style = style,
                                             .title = long_title,
                                             .width_px = 1080,
                                             .height_px = 1920,
                                             .ground = &ground};
        struct kn_captions c;
        kn_captions_layout(&timeline, 0, end_us, &o, arena, &c);
        struct kn_caption_box card = card_of(&c.title, 1);
        if (card.bottom > face.box.top + 20 && card.top < face.box.bottom - 20)
            fail_msg("%s: the card covers %.0f..%.0f", kn_caption_style_name(style), card.top,
                     card.bottom);
    }
    kn_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles_never_touch_captions),
        cmocka_unit_test(hair_gives_way_to_faces_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
