#include "clip/captions_layout.h"

#include <assert.h>

#include "base/utf8.h"

/* Columns of a line of reading subtitles: what broadcasters and Netflix allow for Latin script, and
 * where letters are of full width, 16 of them. */
enum { READING_COLUMNS = 42, WIDE_COLUMNS = 32 };

/* What most of the clip's words are: letters of full width, letters from right to left. */
static void look_at_script(struct kn_caption_job *job)
{
    const struct kn_timeline *t = job->timeline;
    int wide = 0, all = 0, direction = 0;

    for (int i = 0; i < t->word_count; i++) {
        const struct kn_word *w = &t->words[i];
        if (w->end_us < job->start_us || w->start_us >= job->end_us)
            continue;
        uint32_t first = kn_utf8_first(w->text);
        wide += kn_char_is_japanese_or_chinese(first) || kn_char_is_hangul(first);
        direction += kn_utf8_direction(w->text);
        all++;
    }
    job->line_width = wide * 2 > all ? WIDE_COLUMNS : READING_COLUMNS;
    job->rtl = direction < 0;
}

void kn_captions_layout(const struct kn_timeline *timeline, int64_t start_us, int64_t end_us,
                        const struct kn_caption_options *options, struct kn_arena *arena,
                        struct kn_captions *ret_captions)
{
    struct kn_pieces pieces = {0};
    struct kn_screens screens = {0};
    struct kn_caption_job job = {
        .timeline = timeline,
        .options = options,
        .start_us = start_us,
        .end_us = end_us,
        .arena = arena,
    };
    bool draws = options->style != KN_CAPTIONS_OFF;
    struct kn_captions captions = {0};

    assert(start_us <= end_us);
    look_at_script(&job);
    KN_SCOPED(kn_fonts) fonts = NULL;
    KN_SCOPED(kn_ruler) ruler = NULL;
    if (draws || options->title) {
        job.area = kn_caption_area(options->width_px, options->height_px);
        const char *own = kn_caption_look(draws ? options->style : KN_CAPTIONS_DEFAULT)->font;
        job.fonts = fonts = kn_fonts_open(options->font ? options->font : own, timeline->language);
        job.ruler = ruler = kn_ruler_open();
    }
    if (draws) {
        job.look = kn_caption_look(options->style);
        /* The edge and the shape around the letters, and their growth, stay inside the area too. */
        double around = 2 * (job.look->edge + job.look->pad_x) * job.area.unit;
        double room = (job.area.right - job.area.left) * job.look->narrow - around;
        job.line_width = room / job.look->pop;
    }
    kn_captions_cut_words(&job, &pieces);
    kn_captions_rate(&pieces);
    kn_captions_break(&job, &pieces, &screens);
    if (draws)
        kn_captions_place(&job, &pieces, &screens);
    if (options->title)
        kn_captions_place_title(&job, &pieces, &screens, &captions.title);

    struct kn_caption_word *words = kn_arena_array(arena, (size_t)pieces.count, sizeof *words);
    for (int i = 0; i < pieces.count; i++)
        words[i] = pieces.at[i].word;
    captions.word_count = pieces.count;
    captions.words = words;
    captions.count = screens.count;
    captions.captions = kn_vec_to_arena(&screens, arena);
    *ret_captions = captions;
    kn_vec_free(&pieces);
    kn_vec_free(&screens);
}
