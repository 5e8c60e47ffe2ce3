/*
 * Draws captions for eyes: draw_captions STYLE ASPECT LANGUAGE SECONDS GROUND > picture.ppm
 *
 * LANGUAGE picks a made-up talk: en, ja, zh, th, ko, ar, he, de or emoji. GROUND is what lies
 * beneath: bright, dark or busy. scripts/caption-sheet.sh makes docs/captions.jpg of such pictures.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ass/ass.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/words.h"
#include "clip/captions.h"
#include "model/clip.h"

enum { WORDS_MOST = 200 };

static const struct {
    const char *language, *title, *text;
} talks[] = {
    {"en", "Why we sleep, and what it does to your brain",
     "We sleep because the brain needs time to clean itself. Every night, for 20 million years, "
     "that has been true in New York and everywhere else. And it is the most important thing, I "
     "think, that you will ever learn about being awake."},
    {"ja", "なぜ私たちは眠るのか",
     "私たちが眠るのは、脳が自分を掃除する時間を必要としているからです。毎晩、二千万年もの間、"
     "それは真実でした。"},
    {"ar", "لماذا ننام",
     "نحن ننام لأن الدماغ يحتاج إلى وقت لتنظيف نفسه. كل ليلة، منذ 20 مليون سنة، كان هذا صحيحا "
     "في New York وفي كل مكان."},
    {"zh", "为什么我们需要睡眠，很多人都不知道这个秘密",
     "我们睡觉是因为大脑需要时间来清洁自己。每天晚上，两千万年来一直如此，无论在北京还是在纽约。"},
    {"th", "ทำไมเราต้องนอนหลับ และสมองทำอะไรตอนเราหลับ",
     "เรานอนหลับเพราะสมองต้องการเวลาในการทำความสะอาดตัวเอง ทุกคืนเป็นเวลา 20 ล้านปี "
     "มันเป็นความจริงเสมอ"},
    {"ko", "우리가 잠을 자는 이유와 뇌에서 일어나는 일",
     "우리는 뇌가 스스로를 청소할 시간이 필요하기 때문에 잠을 잡니다. 매일 밤, 이천만 년 동안 "
     "그래 왔습니다."},
    {"he", "למה אנחנו ישנים",
     "אנחנו ישנים כי המוח צריך זמן כדי לנקות את עצמו. כל לילה, 20 מיליון שנה, זה היה נכון ב-New "
     "York ובכל מקום."},
    {"de", "Warum wir schlafen",
     "Die Donaudampfschifffahrtsgesellschaft braucht eine Geschwindigkeitsbegrenzung, und zwar "
     "heute Nacht über der Straße."},
    {"emoji", "Feelings 😀", "This made me so 😀 happy and then ☹ sad, {\\b1} as they say."},
};

/* As long as words take to say. */
static int64_t speak(struct kn_arena *arena, const char *text, struct kn_word *words,
                     int *ret_count)
{
    struct kn_word_spans spans = {0};
    int64_t now = 100000;
    int count = 0;

    kn_words_find(text, strlen(text), &spans);
    for (; count < spans.count && count < WORDS_MOST; count++) {
        const struct kn_word_span *span = &spans.at[count];
        int64_t length = 120000 + 40000 * (int64_t)(span->to - span->from);
        char *word = kn_arena_strndup(arena, text + span->from, span->to - span->from);
        words[count] = (struct kn_word){.start_us = now,
                                        .end_us = now + length,
                                        .text = word,
                                        .confidence = 1,
                                        .speaker = -1,
                                        .after_space = span->after_space};
        now += length + 30000;
        if (strchr(".!?", word[strlen(word) - 1]))
            now += 350000;
    }
    kn_vec_free(&spans);
    *ret_count = count;
    return now;
}

/* 0..255 for one channel: a soft light for bright and dark, edges and colours for busy. */
static double ground(const char *name, int channel, double x, double y)
{
    double light = 0.5 + 0.5 * cos(3 * x + channel) * cos(2 * y - 1);

    if (strcmp(name, "bright") == 0)
        return 225 + 30 * light - 14 * channel * y;
    if (strcmp(name, "dark") == 0)
        return 12 + 26 * light * (channel == 2 ? 1.7 : 0.8);
    double weave = sin(40 * x + 9 * sin(7 * y + channel)) * sin(33 * y - 6 * cos(9 * x));
    return 128 + 60 * weave + 60 * cos(5 * x - 4 * y + 2.1 * channel);
}

static void lay_over(uint8_t *rgb, int width, const ASS_Image *image)
{
    for (int y = 0; y < image->h; y++) {
        for (int x = 0; x < image->w; x++) {
            uint8_t *to =
                rgb + 3 * ((size_t)(image->dst_y + y) * (size_t)width + (size_t)(image->dst_x + x));
            unsigned cover = image->bitmap[(ptrdiff_t)y * image->stride + x];
            cover = cover * (255 - (image->color & 255)) / 255;
            for (int c = 0; c < 3; c++) {
                unsigned color = image->color >> (24 - 8 * c) & 255;
                to[c] = (uint8_t)((color * cover + to[c] * (255 - cover) + 127) / 255);
            }
        }
    }
}

static void draw(const char *ass, int64_t at_us, int width, int height, uint8_t *rgb)
{
    ASS_Library *library = ass_library_init();
    ASS_Renderer *renderer = ass_renderer_init(library);
    KN_SCOPED_MEM char *script = kn_strdup(ass);
    int changed;

    ass_set_frame_size(renderer, width, height);
    ass_set_storage_size(renderer, width, height);
    ass_set_fonts(renderer, NULL, "sans-serif", ASS_FONTPROVIDER_FONTCONFIG, NULL, 1);
    ASS_Track *track = ass_read_memory(library, script, strlen(script), NULL);
    for (const ASS_Image *i = ass_render_frame(renderer, track, at_us / 1000, &changed); i;
         i = i->next)
        lay_over(rgb, width, i);
    ass_free_track(track);
    ass_renderer_done(renderer);
    ass_library_done(library);
}

static int find(const char *name, const char *(*names)(int i), int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names(i), name) == 0)
            return i;
    fprintf(stderr, "draw_captions: there is no “%s”\n", name);
    exit(2);
}

static const char *style_name(int i)
{
    return kn_caption_style_name((enum kn_caption_style)i);
}

static const char *aspect_name(int i)
{
    return kn_aspect_name((enum kn_aspect)i);
}

static const char *talk_name(int i)
{
    return talks[i].language;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: draw_captions STYLE ASPECT LANGUAGE SECONDS GROUND\n");
        return 2;
    }
    int talk = find(argv[3], talk_name, (int)KN_COUNT_OF(talks));
    struct kn_caption_options options = {
        .style = (enum kn_caption_style)find(argv[1], style_name, KN_CAPTIONS_COUNT),
        .title = talks[talk].title,
    };
    kn_aspect_size((enum kn_aspect)find(argv[2], aspect_name, KN_ASPECT_COUNT), &options.width_px,
                   &options.height_px);
    struct kn_arena *arena = kn_arena_new();
    struct kn_word words[WORDS_MOST];
    struct kn_timeline timeline = {.language = talks[talk].language, .words = words};
    int64_t end = speak(arena, talks[talk].text, words, &timeline.word_count);
    int64_t at_us = (int64_t)(strtod(argv[4], NULL) * 1e6);
    KN_SCOPED_STR ass = {0};
    struct kn_captions captions;

    kn_captions_layout(&timeline, 0, end, &options, arena, &captions);
    kn_captions_ass(&captions, &options, &ass);
    int width = options.width_px, height = options.height_px;
    size_t size = (size_t)width * (size_t)height * 3;
    uint8_t *rgb = kn_arena_alloc(arena, size);
    for (size_t i = 0; i < size; i++)
        rgb[i] =
            (uint8_t)KN_CLAMP(ground(argv[5], (int)(i % 3), (double)(i / 3 % (size_t)width) / 1080,
                                     (double)(i / 3 / (size_t)width) / 1080),
                              0, 255);
    draw(kn_str_text(&ass), at_us, width, height, rgb);
    printf("P6\n%d %d\n255\n", width, height);
    fwrite(rgb, 1, size, stdout);
    kn_arena_free(arena);
    return 0;
}
