#include "clip/captions_ruler.h"

#include <ass/ass.h>
#include <string.h>

#include "base/str.h"
#include "clip/captions_layout.h"
#include "clip/font_lock.h"

/* Room for the longest line that is ever measured; libass clips what lies outside. */
enum { CANVAS_WIDTH = 16384, CANVAS_HEIGHT = 2048 };

struct kn_ruler {
    ASS_Library *library;
    ASS_Renderer *renderer;
    ASS_Track *track;
    /* Capitals that were measured: a clip needs one to three families. */
    struct {
        char *family;
        bool bold;
        double height;
    } capitals[4];
    int capital_count;
};

static void say_nothing(int level, const char *format, va_list args, void *arg)
{
    (void)level, (void)format, (void)args, (void)arg;
}

static void close_ass(struct kn_ruler *ruler)
{
    if (ruler->track)
        ass_free_track(ruler->track);
    if (ruler->renderer)
        ass_renderer_done(ruler->renderer);
    if (ruler->library)
        ass_library_done(ruler->library);
}

struct kn_ruler *kn_ruler_open(void)
{
    struct kn_ruler *ruler = kn_calloc(1, sizeof *ruler);
    KN_SCOPED_STR script = {0};

    kn_str_printf(&script,
                  "[Script Info]\nScriptType: v4.00+\nPlayResX: %d\nPlayResY: %d\nWrapStyle: 2\n"
                  "[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, Bold, Outline, "
                  "Shadow, Alignment, Encoding\n"
                  "Style: Ruler,sans-serif,100,&H00000000,0,0,0,5,-1\n",
                  CANVAS_WIDTH, CANVAS_HEIGHT);
    KN_LOCKED(&kn_font_lock);
    ruler->library = ass_library_init();
    if (!ruler->library)
        goto fail;
    ass_set_message_cb(ruler->library, say_nothing, NULL);
    ruler->renderer = ass_renderer_init(ruler->library);
    if (!ruler->renderer)
        goto fail;
    ass_set_frame_size(ruler->renderer, CANVAS_WIDTH, CANVAS_HEIGHT);
    ass_set_storage_size(ruler->renderer, CANVAS_WIDTH, CANVAS_HEIGHT);
    ass_set_fonts(ruler->renderer, NULL, "sans-serif", ASS_FONTPROVIDER_FONTCONFIG, NULL, 1);
    ruler->track = ass_new_track(ruler->library);
    if (!ruler->track)
        goto fail;
    ass_process_codec_private(ruler->track, script.at, (int)script.length);
    return ruler;
fail:
    close_ass(ruler);
    free(ruler);
    return NULL;
}

void kn_ruler_close(struct kn_ruler *ruler)
{
    if (!ruler)
        return;
    for (int i = 0; i < ruler->capital_count; i++)
        free(ruler->capitals[i].family);
    KN_LOCKED(&kn_font_lock);
    close_ass(ruler);
    free(ruler);
}

static bool row_has_ink(const unsigned char *row, int from, int to)
{
    for (int x = from; x < to; x++)
        if (row[x])
            return true;
    return false;
}

/* Bitmaps are padded to the rasteriser's tiles: the ink is looked for, from each side inwards. */
static bool find_ink(const ASS_Image *image, struct kn_caption_box *ret_box)
{
    int top = 0, bottom = image->h, left = 0, right = image->w;
    const unsigned char *pixels = image->bitmap;

    while (top < bottom && !row_has_ink(pixels + (size_t)top * image->stride, 0, right))
        top++;
    if (top == bottom)
        return false;
    while (!row_has_ink(pixels + (size_t)(bottom - 1) * image->stride, 0, right))
        bottom--;
    int first = right, last = 0;
    for (int y = top; y < bottom; y++) {
        const unsigned char *row = pixels + (size_t)y * image->stride;
        for (int x = left; x < first; x++)
            if (row[x])
                first = x;
        for (int x = right - 1; x >= last; x--)
            if (row[x])
                last = x + 1;
    }
    *ret_box = (struct kn_caption_box){image->dst_x + first, image->dst_y + top,
                                       image->dst_x + last, image->dst_y + bottom};
    return true;
}

static void join_box(struct kn_caption_box *box, const struct kn_caption_box *more)
{
    if (box->right <= box->left) {
        *box = *more;
        return;
    }
    box->left = KN_MIN(box->left, more->left);
    box->top = KN_MIN(box->top, more->top);
    box->right = KN_MAX(box->right, more->right);
    box->bottom = KN_MAX(box->bottom, more->bottom);
}

void kn_ruler_ink(struct kn_ruler *ruler, const char *ass_text, int count,
                  struct kn_caption_box *ret_boxes)
{
    const double origin_x = CANVAS_WIDTH / 2.0, origin_y = CANVAS_HEIGHT / 2.0;
    KN_SCOPED_STR text = {0};
    int changed;

    memset(ret_boxes, 0, (size_t)count * sizeof *ret_boxes);
    kn_str_printf(&text, "{\\an5\\pos(%g,%g)}%s", origin_x, origin_y, ass_text);
    ass_flush_events(ruler->track);
    int event = ass_alloc_event(ruler->track);
    if (event < 0)
        return;
    ruler->track->events[event].Duration = 1000;
    ruler->track->events[event].Style = ruler->track->n_styles - 1; /* 0 is libass's own */
    ruler->track->events[event].Text = kn_str_take(&text);          /* the track's from here on */
    for (ASS_Image *i = ass_render_frame(ruler->renderer, ruler->track, 0, &changed); i;
         i = i->next) {
        /* 0xRRGGBBAA; colours 1..count sit in the red byte and above it in green. */
        int color = (int)(i->color >> 24) | (int)(i->color >> 16 & 0xff) << 8;
        struct kn_caption_box ink;
        if (color < 1 || color > count || !find_ink(i, &ink))
            continue;
        ink.left -= origin_x;
        ink.right -= origin_x;
        ink.top -= origin_y;
        ink.bottom -= origin_y;
        join_box(&ret_boxes[color - 1], &ink);
    }
}

double kn_ruler_capital(struct kn_ruler *ruler, const char *family, bool bold)
{
    const double size = 200;
    struct kn_caption_word word = {.font = family, .bold = bold, .font_px = size};
    struct kn_caption_box ink;
    KN_SCOPED_STR text = {0};

    for (int i = 0; i < ruler->capital_count; i++)
        if (ruler->capitals[i].bold == bold && strcmp(ruler->capitals[i].family, family) == 0)
            return ruler->capitals[i].height;
    kn_ass_add_font(&text, &word, 1);
    kn_str_add(&text, "{\\1c&H000001&}H");
    kn_ruler_ink(ruler, kn_str_text(&text), 1, &ink);

    double height = (ink.bottom - ink.top) / size;
    int slot = ruler->capital_count;
    if (slot < (int)KN_COUNT_OF(ruler->capitals)) {
        ruler->capitals[slot].family = kn_strdup(family);
        ruler->capitals[slot].bold = bold;
        ruler->capitals[slot].height = height;
        ruler->capital_count++;
    }
    return height;
}
