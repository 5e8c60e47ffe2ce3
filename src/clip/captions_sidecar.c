/* Captions as SubRip and WebVTT text. */
#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "clip/captions.h"

/* "00:01:02,345"; `point` is ',' in SubRip and '.' in WebVTT. */
static void add_time(struct kn_str *out, int64_t us, char point)
{
    int64_t ms = us / 1000;

    kn_str_printf(out, "%02" PRId64 ":%02d:%02d%c%03d", ms / 3600000, (int)(ms / 60000 % 60),
                  (int)(ms / 1000 % 60), point, (int)(ms % 1000));
}

static void add_span(struct kn_str *out, const struct kn_caption *caption, char point)
{
    /* A cue must end after it starts, also when all of its words were squeezed into the end. */
    int64_t end = caption->end_us / 1000 > caption->start_us / 1000 ? caption->end_us
                                                                    : caption->start_us + 1000;
    add_time(out, caption->start_us, point);
    kn_str_add(out, " --> ");
    add_time(out, end, point);
    kn_str_add_char(out, '\n');
}

/* Control characters and line ends would break the file's structure: they become spaces. SubRip
 * cannot escape its arrow, so that loses a dash. */
static void add_plain(struct kn_str *out, const char *text)
{
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(text, &c)); text += n)
        if (strncmp(text, "-->", 3) == 0)
            continue;
        else if (c < 0x20 || c == 0x7f || c == 0x2028 || c == 0x2029)
            kn_str_add_char(out, ' ');
        else
            kn_utf8_add(out, c);
}

/* WebVTT cue text, W3C draft of 2019-04-04, section 4.2.2: & and < are markup, and "-->" must not
 * occur, which escaping > prevents. */
static void add_escaped(struct kn_str *out, const char *text)
{
    uint32_t c;

    for (size_t n; (n = kn_utf8_next(text, &c)); text += n)
        if (c == '&')
            kn_str_add(out, "&amp;");
        else if (c == '<')
            kn_str_add(out, "&lt;");
        else if (c == '>')
            kn_str_add(out, "&gt;");
        else if (c < 0x20 || c == 0x7f || c == 0x2028 || c == 0x2029)
            kn_str_add_char(out, ' ');
        else
            kn_utf8_add(out, c);
}

static void add_lines(struct kn_str *out, const struct kn_captions *captions,
                      const struct kn_caption *caption,
                      void (*add)(struct kn_str *out, const char *text))
{
    for (int k = 0; k < caption->word_count; k++) {
        const struct kn_caption_word *word = &captions->words[caption->first_word + k];
        bool begins = k == 0 || k == caption->line_break;
        if (k && begins)
            kn_str_add_char(out, '\n');
        else if (k && word->spaced)
            kn_str_add_char(out, ' ');
        /* Players take a line's direction from its first letter, too. */
        if (begins && word->rtl && kn_utf8_first_direction(word->text) >= 0)
            kn_str_add(out, "\xe2\x80\x8f");
        add(out, word->text);
    }
    kn_str_add_char(out, '\n');
}

void kn_captions_srt(const struct kn_captions *captions, struct kn_str *ret_srt)
{
    for (int i = 0; i < captions->count; i++) {
        kn_str_printf(ret_srt, "%s%d\n", i ? "\n" : "", i + 1);
        add_span(ret_srt, &captions->captions[i], ',');
        add_lines(ret_srt, captions, &captions->captions[i], add_plain);
    }
}

void kn_captions_vtt(const struct kn_captions *captions, struct kn_str *ret_vtt)
{
    kn_str_add(ret_vtt, "WEBVTT\n");
    for (int i = 0; i < captions->count; i++) {
        kn_str_add_char(ret_vtt, '\n');
        add_span(ret_vtt, &captions->captions[i], '.');
        add_lines(ret_vtt, captions, &captions->captions[i], add_escaped);
    }
}
