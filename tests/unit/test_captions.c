/* Captions: what holds for every layout, and the exact text of the sidecars. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"
#include "clip/caption_fonts.h"
#include "clip/captions.h"
#include "clip/captions_style.h"
#include "model/clip.h"

enum { WORDS_MOST = 400 };

struct script {
    struct kn_word words[WORDS_MOST];
    struct kn_timeline timeline;
    int64_t end_us;
};

/*
 * Words by spaces, 0.1 s and 40 ms a byte long and 30 ms apart; after a sentence 350 ms more.
 * "(700)" makes a pause of 700 ms, "A:" sets the speaker.
 */
static void speak(struct kn_arena *arena, const char *text, const char *language,
                  struct script *ret)
{
    char *rest = NULL;
    int64_t now = 100000;
    int16_t speaker = -1;
    int count = 0, pause_ms;

    for (char *w = strtok_r(kn_arena_strdup(arena, text), " ", &rest); w;
         w = strtok_r(NULL, " ", &rest)) {
        if (sscanf(w, "(%d)", &pause_ms) == 1) {
            now += pause_ms * 1000;
        } else if (strlen(w) == 2 && w[1] == ':') {
            speaker = (int16_t)(w[0] - 'A');
        } else {
            int64_t length = 100000 + 40000 * (int64_t)strlen(w);
            assert_true(count < WORDS_MOST);
            ret->words[count] = (struct kn_word){now, now + length, w, 1.0f, speaker, count == 0};
            count++;
            now += length + 30000;
            if (strchr(".!?", w[strlen(w) - 1]))
                now += 350000;
        }
    }
    ret->timeline =
        (struct kn_timeline){.language = language, .word_count = count, .words = ret->words};
    ret->end_us = now;
}

static const struct {
    const char *language, *text;
} scripts[] = {
    {"en", "We sleep because the brain needs time to clean itself. Every night, for 20 million "
           "years, that has been true in New York and everywhere else. And it is the most "
           "important thing, I think, that you will ever learn about being awake. (1500) So."},
    {"en", "A: Yes. B: No! A: Are you sure about that particular thing? B: (90) Mm. A: I am. Mr. "
           "Smith (500) went to the U.S. in 1984 , they say ."},
    {"ja",
     "私たちが眠るのは、脳が自分を掃除する時間を必要としているからです。毎晩、二千万年もの間、"
     "それは真実でした。コンピューターも休みます！ 日本 の 技術 は 、 すごい 。"},
    {"zh", "我们睡觉是因为大脑需要时间来清洁自己。每天晚上，两千万年来一直如此。"},
    {"th", "เรานอนหลับเพราะสมองต้องการเวลาในการทำความสะอาดตัวเองทุกคืน"},
    {"ko", "우리는 뇌가 스스로를 청소할 시간이 필요하기 때문에 잠을 잔다. 매일 밤 그렇습니다."},
    {"ar", "نحن ننام لأن الدماغ يحتاج إلى وقت لتنظيف نفسه. منذ 20 مليون سنة في New York كان هذا."},
    {"he", "אנחנו ישנים כי המוח צריך זמן כדי לנקות את עצמו בכל לילה."},
    {"de", "Die Donaudampfschifffahrtsgesellschaftskapitänswitwe trägt übrigens eine "
           "Rechtsschutzversicherungsgesellschaft mit Höchstgeschwindigkeitsbegrenzung."},
    {"en",
     "This is fire 🔥 and I am 😀 happy! 👨‍👩‍👧 {\\b1}hostile\\N {\\pos(0,0)} "
     "c:\\new "
     "} "
     "-->&<i> "
     "e\xcc\x81\xcc\x82\xcc\x83 \xff\xfe \xe2\x80\xae"
     "olleh ok."},
    {"en", "! ! ! ! , , , , . . ) ) ) ) ( ( ( ( ! ! ! ! , , , , . . ) ) ) ) ( ( ( ("},
    {"en", "https://example.org/a/very/long/address?with=many&parts=that-nobody-would-ever-say-"
           "aloud-but-a-recogniser-or-a-subtitle-may-well-contain-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
           "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
};

static void check_layout(const struct kn_captions *c, const struct kn_caption_options *o,
                         const struct script *script, const char *what)
{
    struct kn_caption_area area = kn_caption_area(o->width_px, o->height_px);
    bool draws = o->style != KN_CAPTIONS_OFF;
    int next_word = 0, next_source = -1;
    int64_t latest = 0, latest_end = 0;
    KN_SCOPED_STR said = {0};
    KN_SCOPED_STR wanted = {0};

    for (int i = 0; i < c->count; i++) {
        const struct kn_caption *s = &c->captions[i];
        const struct kn_caption_word *words = &c->words[s->first_word];
        int64_t last_end = 0;

        if (s->first_word != next_word || s->word_count < 1)
            fail_msg("%s: screenful %d begins at %d, not at %d", what, i, s->first_word, next_word);
        next_word += s->word_count;
        if (s->line_break < 0 || s->line_break >= s->word_count)
            fail_msg("%s: screenful %d breaks at %d of %d", what, i, s->line_break, s->word_count);
        if (s->start_us < latest || s->start_us < latest_end || s->end_us <= s->start_us ||
            s->end_us > script->end_us)
            fail_msg("%s: screenful %d is on from %ld to %ld after one that ends at %ld", what, i,
                     (long)s->start_us, (long)s->end_us, (long)latest_end);
        if (i && s->start_us > latest_end && s->start_us - latest_end < 300000)
            fail_msg("%s: %ld us of nothing before screenful %d", what,
                     (long)(s->start_us - latest_end), i);
        if (s->start_us < words[0].start_us - 100000)
            fail_msg("%s: screenful %d comes before its words", what, i);
        for (int k = 0; k < s->word_count; k++) {
            const struct kn_caption_word *w = &words[k];
            last_end = KN_MAX(last_end, w->end_us);
            if (w->start_us < latest || w->end_us < w->start_us || w->end_us > script->end_us)
                fail_msg("%s: “%s” is said from %ld to %ld", what, w->text, (long)w->start_us,
                         (long)w->end_us);
            /* Japanese words with their particles are one. That all were said is checked below. */
            if (w->source < next_source)
                fail_msg("%s: word %d after %d", what, w->source, next_source);
            next_source = w->source;
            latest = w->start_us;
            kn_str_add(&said, w->text);
            double edge = 1.5; /* pixels of rounding */
            if (draws && (w->ink.left < area.left - edge || w->ink.right > area.right + edge ||
                          w->ink.bottom > area.bottom + edge || w->ink.top < area.top - edge))
                fail_msg("%s: “%s” covers %.0f..%.0f, %.0f..%.0f outside of %.0f..%.0f, %.0f..%.0f",
                         what, w->shown, w->ink.left, w->ink.right, w->ink.top, w->ink.bottom,
                         area.left, area.right, area.top, area.bottom);
        }
        if (s->end_us > last_end + 400000)
            fail_msg("%s: screenful %d stays %ld us", what, i, (long)(s->end_us - last_end));
        latest_end = s->end_us;
    }
    assert_int_equal(next_word, c->word_count);
    for (int i = 0; i < script->timeline.word_count; i++)
        kn_utf8_clean(script->words[i].text, strlen(script->words[i].text), &wanted);
    if (strcmp(kn_str_text(&said), kn_str_text(&wanted)) != 0)
        fail_msg("%s: said “%s”, not “%s”", what, kn_str_text(&said), kn_str_text(&wanted));
}

static void layouts_keep_their_promises(void **state)
{
    (void)state;
    for (size_t i = 0; i < KN_COUNT_OF(scripts); i++) {
        struct kn_arena *arena = kn_arena_new();
        struct script script;
        speak(arena, scripts[i].text, scripts[i].language, &script);
        for (int style = 0; style < KN_CAPTIONS_COUNT; style++) {
            for (int aspect = 0; aspect < KN_ASPECT_COUNT; aspect++) {
                struct kn_caption_options o = {.style = style};
                struct kn_captions captions;
                char what[80];
                kn_aspect_size(aspect, &o.width_px, &o.height_px);
                kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &captions);
                snprintf(what, sizeof what, "script %zu (%s), %s, %s", i, scripts[i].language,
                         kn_caption_style_name(style), kn_aspect_name(aspect));
                check_layout(&captions, &o, &script, what);
            }
        }
        kn_arena_free(arena);
    }
}

/* The lowest and highest ink of the screenfuls that are on in [from, to). */
static struct kn_caption_box ink_between(const struct kn_captions *c, int64_t from_us,
                                         int64_t to_us)
{
    struct kn_caption_box all = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int i = 0; i < c->count; i++) {
        const struct kn_caption *s = &c->captions[i];
        for (int k = 0; k < s->word_count && s->start_us >= from_us && s->start_us < to_us; k++) {
            const struct kn_caption_box *ink = &c->words[s->first_word + k].ink;
            all.top = fmin(all.top, ink->top);
            all.bottom = fmax(all.bottom, ink->bottom);
        }
    }
    return all;
}

static const char long_talk[] =
    "Everything that is shown on this slide can be read by everybody in the room. So nobody needs "
    "to be told what it says in any detail. I would rather tell you what it does not say and why "
    "that is what matters most.";

static void letterboxed_pictures_are_not_covered(void **state)
{
    (void)state;
    static const double shape = 16.0 / 9;
    for (int style = 0; style < KN_CAPTIONS_OFF; style++) {
        for (int aspect = 0; aspect < KN_ASPECT_16_9; aspect++) {
            struct kn_arena *arena = kn_arena_new();
            struct script script;
            struct kn_captions c;
            struct kn_caption_options o = {.style = style};
            speak(arena, long_talk, "en", &script);
            kn_aspect_size(aspect, &o.width_px, &o.height_px);
            double bottom = (o.height_px + o.width_px / shape) / 2;
            const struct kn_caption_stretch fit = {0, script.end_us, KN_LAYOUT_FIT, bottom};
            const struct kn_caption_ground ground = {.stretch_count = 1, .stretches = &fit};
            o.ground = &ground;
            kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
            check_layout(&c, &o, &script, kn_caption_style_name(style));
            double room = kn_caption_area(o.width_px, o.height_px).bottom - bottom;
            struct kn_caption_box ink = ink_between(&c, 0, script.end_us);
            bool huge = aspect == KN_ASPECT_1_1 && style != KN_CAPTIONS_DEFAULT &&
                        style != KN_CAPTIONS_MINIMAL; /* two lines don't fit into the band */
            if (!huge && (ink.top < bottom || ink.bottom > bottom + room))
                fail_msg("%s, %s: words cover %.0f..%.0f, the band is %.0f..%.0f",
                         kn_caption_style_name(style), kn_aspect_name(aspect), ink.top, ink.bottom,
                         bottom, bottom + room);
            kn_arena_free(arena);
        }
    }
}

static void places_follow_the_layout_but_do_not_hop(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct script script;
    struct kn_captions c;
    struct kn_caption_options o = {.width_px = 1080, .height_px = 1920};
    speak(arena, long_talk, "en", &script);
    int64_t middle = script.end_us / 2;
    assert_true(middle > 5000000);
    /* People one above the other, then one alone. */
    const struct kn_caption_stretch calm[] = {{0, middle, KN_LAYOUT_SPLIT, 0},
                                              {middle, script.end_us, KN_LAYOUT_FILL, 0}};
    struct kn_caption_face faces[] = {{0, middle, {400, 250, 680, 560}},
                                      {0, middle, {400, 1200, 680, 1500}}};
    struct kn_caption_ground ground = {2, 2, calm, faces};
    o.ground = &ground;
    kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
    struct kn_caption_box first = ink_between(&c, 0, middle - 4500000);
    struct kn_caption_box then = ink_between(&c, middle, script.end_us);
    assert_true(first.top > 860 && first.bottom < 1060);
    assert_true(then.top > 1180);
    /* A mouth on the seam: words stay away from it. */
    faces[0].box = (struct kn_caption_box){300, 600, 780, 980};
    kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
    assert_true(ink_between(&c, 0, script.end_us).top > 1180);
    /* A slide for half a second now and then. */
    struct kn_caption_stretch quick[40];
    ground = (struct kn_caption_ground){.stretches = quick};
    for (int64_t at = 0; at < script.end_us && ground.stretch_count < 40; at += 1000000) {
        quick[ground.stretch_count++] =
            (struct kn_caption_stretch){at, at + 500000, KN_LAYOUT_FILL, 0};
        quick[ground.stretch_count++] =
            (struct kn_caption_stretch){at + 500000, at + 1000000, KN_LAYOUT_FIT, 1264};
    }
    kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
    const double usual = kn_caption_area(1080, 1920).center;
    double lowest = 0, highest = INFINITY;
    for (int i = 0; i < c.count; i++) {
        const struct kn_caption *s = &c.captions[i];
        const struct kn_caption_word *w = &c.words[s->first_word];
        double center = (w->y + w[s->word_count - 1].y) / 2;
        lowest = fmax(lowest, center);
        highest = fmin(highest, center);
    }
    if (lowest - highest > 25) /* descenders move a line's \pos a little */
        fail_msg("centres from %.0f to %.0f, usually %.0f", highest, lowest, usual);
    kn_arena_free(arena);
}

static void titles_keep_away_from_heads(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct kn_caption_box face; /* of 1080x1920 */
        double low, high;           /* where the letters have to be */
    } cases[] = {
        {"nobody", {0, 0, 0, 0}, 260, 450},
        {"low in the frame", {380, 700, 700, 1100}, 220, 520},
        {"at the top, room between chin and captions", {340, 300, 740, 800}, 800, 1200},
        {"over everything but the bottom", {100, 200, 980, 1030}, 1030, 1230},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_arena *arena = kn_arena_new();
        struct script script;
        struct kn_captions c;
        speak(arena, long_talk, "en", &script);
        const struct kn_caption_stretch fill = {0, script.end_us, KN_LAYOUT_FILL, 0};
        const struct kn_caption_face face = {0, 3000000, cases[i].face};
        const struct kn_caption_ground ground = {1, 1, &fill, &face};
        const struct kn_caption_options o = {.width_px = 1080,
                                             .height_px = 1920,
                                             .title = "Everything that is shown can be read",
                                             .ground = &ground};
        kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
        assert_true(c.title.line_count >= 1);
        for (int k = 0; k < c.title.line_count; k++) {
            const struct kn_caption_box *ink = &c.title.lines[k].ink;
            if (ink->top < cases[i].low || ink->bottom > cases[i].high)
                fail_msg("%s: the title's letters cover %.0f..%.0f", cases[i].what, ink->top,
                         ink->bottom);
        }
        kn_arena_free(arena);
    }
}

/* The screenfuls of a script as "first line / second line | next screenful". */
static const char *broken(const char *text, const char *language, enum kn_caption_style style,
                          struct kn_str *out)
{
    struct kn_arena *arena = kn_arena_new();
    struct script script;
    struct kn_captions c;
    struct kn_caption_options o = {.style = style, .width_px = 1080, .height_px = 1920};

    speak(arena, text, language, &script);
    kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
    kn_str_clear(out);
    for (int i = 0; i < c.count; i++) {
        kn_str_add(out, i ? " | " : "");
        for (int k = 0; k < c.captions[i].word_count; k++) {
            const struct kn_caption_word *w = &c.words[c.captions[i].first_word + k];
            if (k && k == c.captions[i].line_break)
                kn_str_add(out, " / ");
            else if (k && w->spaced)
                kn_str_add_char(out, ' ');
            kn_str_add(out, w->text);
        }
    }
    kn_arena_free(arena);
    return kn_str_text(out);
}

static void breaks_come_where_readers_expect_them(void **state)
{
    (void)state;
    static const struct {
        const char *text, *language, *broken;
    } cases[] = {
        {"We sleep because the brain needs time to clean itself.", "en",
         "We sleep because the brain / needs time to clean itself."},
        {"It is over. And now we begin again with the next one.", "en",
         "It is over. | And now we begin again with the next one."},
        {"Mr. Smith went home (1200) and slept.", "en", "Mr. Smith went home | and slept."},
        {"A: Are you sure? B: I am. A: Good.", "en", "Are you sure? | I am. | Good."},
        {"脳が自分を掃除する時間を必要としているからです。", "ja",
         "脳が自分を掃除する時間を / 必要としているからです。"},
        {"日本 の 技術 は 、 とても すごい ！", "ja", "日本の技術は、とてもすごい！"},
        /* Lines of 16 wide letters, balanced, between phrases. */
        {"味噌は一種類ではなく、赤味噌と白味噌を半分ずつ混ぜてみてください。", "ja",
         "味噌は一種類ではなく、 | 赤味噌と白味噌を半分ずつ / 混ぜてみてください。"},
        {"我们睡觉是因为大脑需要时间来清洁自己。", "zh",
         "我们睡觉是因为大脑 / 需要时间来清洁自己。"},
        {"우리는 뇌가 스스로를 청소할 시간이 필요해서 잠을 잔다.", "ko",
         "우리는 뇌가 스스로를 청소할 / 시간이 필요해서 잠을 잔다."},
        {"هل تعلم أن الدماغ ينظف نفسه أثناء النوم كل ليلة؟", "ar",
         "هل تعلم أن الدماغ ينظف / نفسه أثناء النوم كل ليلة؟"},
    };
    KN_SCOPED_STR got = {0};
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        assert_string_equal(broken(cases[i].text, cases[i].language, KN_CAPTIONS_OFF, &got),
                            cases[i].broken);
}

static void long_words_are_parted_between_syllables(void **state)
{
    (void)state;
    KN_SCOPED_STR got = {0};
    assert_string_equal(broken("Höchstgeschwindigkeitsbegrenzung", "de", KN_CAPTIONS_BOLD, &got),
                        "Höchstge / schwindig | keitsbe / grenzung");
}

/* What no screenful and no line may end on when there was another choice. */
static void nothing_is_left_hanging(void **state)
{
    (void)state;
    static const char *const bad[] = {"the", "a", "of", "to", "and", "New", "20"};
    for (int style = 0; style < KN_CAPTIONS_OFF; style++) {
        struct kn_arena *arena = kn_arena_new();
        struct script script;
        struct kn_captions c;
        struct kn_caption_options o = {.style = style, .width_px = 1080, .height_px = 1920};
        speak(arena, scripts[0].text, "en", &script);
        kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
        for (int i = 0; i < c.count; i++) {
            const struct kn_caption *s = &c.captions[i];
            const char *last = c.words[s->first_word + s->word_count - 1].text;
            for (size_t b = 0; b < KN_COUNT_OF(bad); b++)
                if (strcmp(last, bad[b]) == 0)
                    fail_msg("%s: a screenful ends on “%s”", kn_caption_style_name(style), last);
        }
        kn_arena_free(arena);
    }
}

static void no_line_begins_with_a_mark_that_closes(void **state)
{
    (void)state;
    static const char *const marks[] = {"、", "。", "！", "ー", "ょ", "ッ"};
    for (int style = 0; style < KN_CAPTIONS_COUNT; style++) {
        struct kn_arena *arena = kn_arena_new();
        struct script script;
        struct kn_captions c;
        struct kn_caption_options o = {.style = style, .width_px = 1080, .height_px = 1920};
        speak(arena,
              "コンピューター は 、 ち ょ っと 休みます ！ キャ ッシュ も 。 日本 の 技術 、 "
              "すごい 。",
              "ja", &script);
        kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
        for (int i = 0; i < c.count; i++) {
            const struct kn_caption *s = &c.captions[i];
            const char *first = c.words[s->first_word].text;
            const char *second = c.words[s->first_word + s->line_break].text;
            for (size_t m = 0; m < KN_COUNT_OF(marks); m++)
                if (kn_starts_with(first, marks[m]) || kn_starts_with(second, marks[m]))
                    fail_msg("%s: a line begins with %s", kn_caption_style_name(style), marks[m]);
        }
        kn_arena_free(arena);
    }
}

/* What lights up at a time is a word with its particles, whatever pieces the timeline has. */
static void phrases_light_up_whole(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct script script;
    struct kn_captions c;
    struct kn_caption_options o = {.width_px = 1080, .height_px = 1920};
    KN_SCOPED_STR got = {0};

    speak(arena, "脳 が 自分 を 掃除 する 時間 です 。 (900) はい", "ja", &script);
    kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
    for (int i = 0; i < c.word_count; i++)
        kn_str_printf(&got, "%s%s", i ? "|" : "", c.words[i].text);
    assert_string_equal(kn_str_text(&got), "脳が|自分を|掃除する|時間です。|はい");
    assert_int_equal(c.words[0].start_us, script.words[0].start_us);
    assert_int_equal(c.words[0].end_us, script.words[1].end_us);
    kn_arena_free(arena);
}

/* Arabic goes from right to left also where a line begins with a Latin name. */
static void right_to_left_lines_keep_their_direction(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct script script;
    struct kn_captions c;
    struct kn_caption_options o = {
        .width_px = 1920, .height_px = 1080, .title = "New York كل ليلة"};
    KN_SCOPED_STR srt = {0};

    speak(arena, "New York وفي كل مكان.", "ar", &script);
    kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
    assert_int_equal(c.count, 1);
    assert_true(c.words[0].rtl && c.title.lines[0].rtl);
    assert_true(c.words[0].ink.right < c.words[1].ink.left); /* the name itself does not turn */
    for (int i = 2; i < c.word_count; i++)
        assert_true(c.words[i].ink.right < c.words[i - 1].ink.left + 1 || i == 2);
    assert_true(c.words[2].ink.right < c.words[0].ink.left);
    o = (struct kn_caption_options){.style = KN_CAPTIONS_OFF};
    kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
    kn_captions_srt(&c, &srt);
    assert_non_null(strstr(kn_str_text(&srt), "\n\xe2\x80\x8fNew York وفي"));
    speak(arena, "We say سلام often here.", "en", &script);
    kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
    assert_false(c.words[1].rtl);
    kn_arena_free(arena);
}

static void only_the_clip_s_words_are_taken(void **state)
{
    (void)state;
    static const struct kn_word words[] = {
        {0, 900000, "before", 1, -1, true},
        {800000, 1300000, "half", 1, -1, false}, /* its middle is inside */
        {1500000, 1800000, "in", 1, -1, false},
        {2800000, 3600000, "out", 1, -1, false}, /* its middle is not */
        {4000000, 4500000, "after", 1, -1, false},
    };
    struct kn_timeline t = {.language = "en", .word_count = 5, .words = words};
    struct kn_caption_options o = {.style = KN_CAPTIONS_OFF, .width_px = 1080, .height_px = 1920};
    struct kn_arena *arena = kn_arena_new();
    struct kn_captions c;

    kn_captions_layout(&t, 1000000, 3000000, &o, arena, &c);
    assert_int_equal(c.word_count, 2);
    assert_string_equal(c.words[0].text, "half");
    assert_int_equal(c.words[0].start_us, 0); /* cut to the clip */
    assert_int_equal(c.words[0].end_us, 300000);
    assert_int_equal(c.words[1].start_us, 500000);
    kn_captions_layout(&t, 1850000, 2000000, &o, arena, &c);
    assert_int_equal(c.count, 0);
    kn_arena_free(arena);
}

static void people_who_talk_at_once_are_shown_in_turns(void **state)
{
    (void)state;
    static const struct kn_word words[] = {
        {0, 300000, "Can", 1, 0, true},           {300000, 500000, "we", 1, 0, false},
        {450000, 700000, "Clip", 1, 1, true},     {500000, 800000, "take", 1, 0, false},
        {700000, 900000, "them", 1, 1, false},    {800000, 1100000, "them", 1, 0, false},
        {900000, 1300000, "on.", 1, 1, false},    {1100000, 1400000, "off?", 1, 0, false},
        {2500000, 2900000, "Right.", 1, 0, true},
    };
    struct kn_timeline t = {.language = "en", .word_count = 9, .words = words};
    struct kn_caption_options o = {.style = KN_CAPTIONS_OFF, .width_px = 1080, .height_px = 1920};
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED_STR srt = {0};
    struct kn_captions c;

    kn_captions_layout(&t, 0, 4000000, &o, arena, &c);
    kn_captions_srt(&c, &srt);
    const char *first = strstr(kn_str_text(&srt), "Can we take them off?");
    const char *second = strstr(kn_str_text(&srt), "Clip them on.");
    const char *third = strstr(kn_str_text(&srt), "Right.");
    if (!first || !second || !third || first > second || second > third)
        fail_msg("%s", kn_str_text(&srt));
    kn_arena_free(arena);
}

/* A subtitle file may hold anything; work and memory grow no faster than its text. */
static void endless_words_are_laid_out_too(void **state)
{
    (void)state;
    static const char *const letters[] = {"A", "\xe6\x97\xa5", "\xf0\x9f\x94\xa5", "\xff"};
    for (size_t i = 0; i < KN_COUNT_OF(letters); i++) {
        struct kn_arena *arena = kn_arena_new();
        KN_SCOPED_STR text = {0};
        for (int k = 0; k < 20000; k++)
            kn_str_add(&text, letters[i]);
        struct kn_word word = {0, 30000000, kn_str_text(&text), 1, -1, true};
        struct kn_timeline t = {.language = "en", .word_count = 1, .words = &word};
        struct kn_caption_options o = {
            .style = KN_CAPTIONS_MINIMAL, .width_px = 1080, .height_px = 1920};
        struct kn_captions c;
        kn_captions_layout(&t, 0, 30000000, &o, arena, &c);
        assert_true(c.count > 0);
        assert_true(kn_arena_used(arena) < 64u << 20);
        kn_arena_free(arena);
    }
}

/* One of several layouts at once; all must come out alike. */
static void *lay_out_a_script(void *arg)
{
    struct kn_str *ret_ass = arg;
    struct kn_arena *arena = kn_arena_new();
    struct script script;
    struct kn_captions c;
    struct kn_caption_options o = {
        .style = KN_CAPTIONS_BOLD, .width_px = 1080, .height_px = 1920, .title = "眠り and sleep"};

    speak(arena, scripts[2].text, "ja", &script);
    kn_captions_layout(&script.timeline, 0, script.end_us, &o, arena, &c);
    kn_captions_ass(&c, &o, ret_ass);
    kn_arena_free(arena);
    return NULL;
}

static void layouts_side_by_side_are_the_same(void **state)
{
    (void)state;
    struct kn_str ass[4] = {{0}};
    pthread_t threads[KN_COUNT_OF(ass)];

    for (size_t i = 0; i < KN_COUNT_OF(ass); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, lay_out_a_script, &ass[i]), 0);
    for (size_t i = 0; i < KN_COUNT_OF(ass); i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < KN_COUNT_OF(ass); i++) {
        assert_string_equal(kn_str_text(&ass[i]), kn_str_text(&ass[0]));
        assert_true(i == 0 || ass[i].length > 1000);
    }
    for (size_t i = 0; i < KN_COUNT_OF(ass); i++)
        kn_str_free(&ass[i]);
}

static void sidecars_are_exact(void **state)
{
    (void)state;
    static const struct kn_word words[] = {
        {3600000000, 3600400000, "Tom", 1, -1, true},
        {3600400000, 3600700000, "&", 1, -1, false},
        {3600700000, 3601200000, "<b>Ann</b>:", 1, -1, false},
        {3601200000, 3601700000, "a-->b\nc.", 1, -1, false},
        {3604000000, 3604500000, "日本", 1, -1, true},
        {3604500000, 3605000000, "語。", 1, -1, false},
    };
    struct kn_timeline t = {.language = "en", .word_count = 6, .words = words};
    struct kn_caption_options o = {.style = KN_CAPTIONS_OFF, .width_px = 1080, .height_px = 1920};
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED_STR srt = {0};
    KN_SCOPED_STR vtt = {0};
    struct kn_captions c;

    kn_captions_layout(&t, 0, 3606000000, &o, arena, &c);
    kn_captions_srt(&c, &srt);
    kn_captions_vtt(&c, &vtt);
    assert_string_equal(kn_str_text(&srt), "1\n"
                                           "01:00:00,000 --> 01:00:02,100\n"
                                           "Tom & <b>Ann</b>: a->b c.\n"
                                           "\n"
                                           "2\n"
                                           "01:00:04,000 --> 01:00:05,400\n"
                                           "日本語。\n");
    assert_string_equal(kn_str_text(&vtt), "WEBVTT\n"
                                           "\n"
                                           "01:00:00.000 --> 01:00:02.100\n"
                                           "Tom &amp; &lt;b&gt;Ann&lt;/b&gt;: a--&gt;b c.\n"
                                           "\n"
                                           "01:00:04.000 --> 01:00:05.400\n"
                                           "日本語。\n");
    kn_arena_free(arena);
}

/* No word can open an override block or start a line of its own. */
static void words_cannot_break_out_of_the_script(void **state)
{
    (void)state;
    static const struct kn_word words[] = {
        {0, 400000, "{\\pos(0,0)}", 1, -1, true},
        {400000, 700000, "x\\N\\h\nDialogue:", 1, -1, false},
        {700000, 1200000, "}{", 1, -1, false},
        {1200000, 1900000,
         "\xe2\x80\xae"
         "evil\xe2\x80\xac",
         1, -1, false},
    };
    struct kn_timeline t = {.language = "en", .word_count = 4, .words = words};
    struct kn_caption_options o = {.style = KN_CAPTIONS_DEFAULT,
                                   .width_px = 1080,
                                   .height_px = 1920,
                                   .title = "{\\fs1}\nTitle\\N",
                                   .font = "Lato}{\\fs777,\n"};
    struct kn_arena *arena = kn_arena_new();
    KN_SCOPED_STR ass = {0};
    struct kn_captions c;

    kn_captions_layout(&t, 0, 2000000, &o, arena, &c);
    kn_captions_ass(&c, &o, &ass);
    assert_null(strstr(kn_str_text(&ass), "{\\pos(0,0)}"));
    assert_non_null(strstr(kn_str_text(&ass), "\\{\\\xe2\x81\xa0pos(0,0)\\}"));
    assert_null(strstr(kn_str_text(&ass), "x\\N"));
    assert_null(strstr(kn_str_text(&ass), "\nDialogue:,"));
    assert_null(strstr(kn_str_text(&ass), "\xe2\x80\xae"));
    assert_null(strstr(kn_str_text(&ass), "\\fs777"));
    assert_null(strstr(kn_str_text(&ass), "{\\fs1}"));
    /* Every line of the events is one of ours. */
    const char *line = strstr(kn_str_text(&ass), "[Events]\n");
    for (line = strchr(line, '\n') + 1; *line; line = strchr(line, '\n') + 1)
        assert_true(kn_starts_with(line, "Format: ") || kn_starts_with(line, "Dialogue: "));
    kn_arena_free(arena);
}

static void missing_fonts_are_told(void **state)
{
    (void)state;
    struct kn_timeline t = {.language = "en"};
    struct kn_error err;
    char found[64];

    assert_int_equal(kn_caption_font_check("No Such Family", &t, found, sizeof found, &err),
                     KN_MISSING);
    assert_non_null(strstr(err.text, "“No Such Family” is not installed"));
    static const struct kn_word linear_b = {0, 1, "\xf0\x90\x80\x80", 1, -1, true};
    t.word_count = 1;
    t.words = &linear_b;
    if (kn_caption_font_check(NULL, &t, NULL, 0, &err) != KN_OK)
        assert_int_equal(err.status, KN_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_keep_their_promises),
        cmocka_unit_test(letterboxed_pictures_are_not_covered),
        cmocka_unit_test(places_follow_the_layout_but_do_not_hop),
        cmocka_unit_test(titles_keep_away_from_heads),
        cmocka_unit_test(breaks_come_where_readers_expect_them),
        cmocka_unit_test(long_words_are_parted_between_syllables),
        cmocka_unit_test(nothing_is_left_hanging),
        cmocka_unit_test(no_line_begins_with_a_mark_that_closes),
        cmocka_unit_test(phrases_light_up_whole),
        cmocka_unit_test(right_to_left_lines_keep_their_direction),
        cmocka_unit_test(only_the_clip_s_words_are_taken),
        cmocka_unit_test(people_who_talk_at_once_are_shown_in_turns),
        cmocka_unit_test(endless_words_are_laid_out_too),
        cmocka_unit_test(layouts_side_by_side_are_the_same),
        cmocka_unit_test(sidecars_are_exact),
        cmocka_unit_test(words_cannot_break_out_of_the_script),
        cmocka_unit_test(missing_fonts_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
