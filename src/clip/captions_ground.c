/*
 * Where in the frame screenfuls and the title stand, by what is shown there.
 *
 * Screenfuls have up to three places: the usual one, the blurred band below a letterboxed picture,
 * and the seam between two panes. A screenful stays where it is for all of its time; which place
 * each has is found together (Viterbi): seconds in a wrong place cost, and so does a move, so that
 * layouts which alternate quickly don't make captions hop.
 *
 * The title takes a height at which it touches no captions; of those the one where it hides least
 * of faces, then of hair; and among those that hide the same the one nearest to the usual height.
 */
#include "clip/captions_layout.h"

#include <math.h>

#include "base/clock.h"

enum spot { USUAL, BAND, SEAM, SPOTS };

/* What a move costs, in seconds at a wrong place. */
#define MOVE_S 1.2
/* Letters may become so much smaller to fit into the band: still no smaller than for long words. */
#define SCALE_LEAST 0.6
/* Captions belong on the seam unless this share of a mouth's half of a face is under them. */
#define MOUTH_HIDDEN 0.1

/* ---- places of screenfuls ---- */

/* Half of what two lines take, with all that is drawn around them. */
static double half_height(const struct kn_caption_job *job)
{
    const struct kn_caption_look *look = job->look;
    return (look->em * (look->pitch / 2 + 0.6) + look->pad_y) * job->area.unit;
}

/* Between the picture and what the platforms cover, as near to the usual place as can be. */
static bool band_place(const struct kn_caption_job *job, double picture_bottom,
                       struct kn_caption_place *ret_place)
{
    double half = half_height(job), room = job->area.bottom - picture_bottom;
    double scale = fmin(1, room / (2 * half));
    if (scale < SCALE_LEAST)
        return false;
    half *= scale;
    *ret_place = (struct kn_caption_place){
        .center = KN_CLAMP(job->area.center, picture_bottom + half, job->area.bottom - half),
        .scale = scale,
    };
    return true;
}

static double overlap(double from, double to, double other_from, double other_to)
{
    return fmax(0, fmin(to, other_to) - fmax(from, other_from));
}

static double overlap_s(int64_t from_us, int64_t to_us, int64_t other_from_us, int64_t other_to_us)
{
    int64_t common = KN_MIN(to_us, other_to_us) - KN_MAX(from_us, other_from_us);
    return common > 0 ? (double)common / KN_US_PER_S : 0;
}

/* How much of the lower halves of the faces of a stretch two lines on the seam would hide. */
static double seam_hides(const struct kn_caption_job *job, const struct kn_caption_stretch *stretch)
{
    const struct kn_caption_ground *ground = job->options->ground;
    double seam = job->options->height_px / 2.0, half = half_height(job), hidden = 0, all = 0;
    for (int i = 0; i < ground->face_count; i++) {
        const struct kn_caption_face *face = &ground->faces[i];
        double seconds =
            overlap_s(face->start_us, face->end_us, stretch->start_us, stretch->end_us);
        double middle = (face->box.top + face->box.bottom) / 2;
        hidden += seconds * overlap(middle, face->box.bottom, seam - half, seam + half) /
                  fmax(face->box.bottom - middle, 1);
        all += seconds;
    }
    return all > 0 ? hidden / all : 0;
}

/* The right place while a stretch is on; its height goes to `places`. */
static enum spot right_spot(const struct kn_caption_job *job,
                            const struct kn_caption_stretch *stretch,
                            struct kn_caption_place places[SPOTS])
{
    if (stretch->layout == KN_LAYOUT_FIT && band_place(job, stretch->picture_bottom, &places[BAND]))
        return BAND;
    if (stretch->layout == KN_LAYOUT_SPLIT && seam_hides(job, stretch) < MOUTH_HIDDEN) {
        places[SEAM] = (struct kn_caption_place){job->options->height_px / 2.0, 1};
        return SEAM;
    }
    return USUAL;
}

static double wrong_s(const struct kn_caption_ground *ground, const enum spot *right,
                      const struct kn_caption *screen, enum spot spot)
{
    double seconds = 0;
    for (int i = 0; i < ground->stretch_count; i++)
        if (right[i] != spot)
            seconds += overlap_s(screen->start_us, screen->end_us, ground->stretches[i].start_us,
                                 ground->stretches[i].end_us);
    return seconds;
}

/* The cheapest places of all screenfuls together; of equal ones the usual. */
static void choose(const struct kn_caption_ground *ground, const enum spot *right,
                   const struct kn_screens *screens, enum spot *spots)
{
    double total[SPOTS] = {0};
    KN_SCOPED_MEM unsigned char(*from)[SPOTS] = kn_calloc((size_t)screens->count + 1, sizeof *from);
    for (int i = 0; i < screens->count; i++) {
        double before[SPOTS];
        int best = USUAL;
        for (int s = 0; s < SPOTS; s++) {
            before[s] = total[s];
            best = total[s] < total[best] ? s : best;
        }
        for (int s = 0; s < SPOTS; s++) {
            bool moves = i > 0 && before[best] + MOVE_S < before[s];
            from[i][s] = (unsigned char)(moves ? best : s);
            total[s] = (moves ? before[best] + MOVE_S : before[s]) +
                       wrong_s(ground, right, &screens->at[i], (enum spot)s);
        }
    }
    int at = USUAL;
    for (int s = 0; s < SPOTS; s++)
        at = total[s] < total[at] ? s : at;
    for (int i = screens->count - 1; i >= 0; i--) {
        spots[i] = (enum spot)at;
        at = from[i][at];
    }
}

void kn_captions_choose_places(const struct kn_caption_job *job, const struct kn_screens *screens,
                               struct kn_caption_place *ret_places)
{
    const struct kn_caption_ground *ground = job->options->ground;
    struct kn_caption_place places[SPOTS];
    for (int s = 0; s < SPOTS; s++)
        places[s] = (struct kn_caption_place){job->area.center, 1};
    for (int i = 0; i < screens->count; i++)
        ret_places[i] = places[USUAL];
    if (!ground || ground->stretch_count == 0)
        return;
    KN_SCOPED_MEM enum spot *right = kn_calloc((size_t)ground->stretch_count, sizeof *right);
    KN_SCOPED_MEM enum spot *spots = kn_calloc((size_t)screens->count + 1, sizeof *spots);
    for (int i = 0; i < ground->stretch_count; i++)
        right[i] = right_spot(job, &ground->stretches[i], places);
    choose(ground, right, screens, spots);
    for (int i = 0; i < screens->count; i++)
        ret_places[i] = places[spots[i]];
}

/* ---- the height of the title ---- */

/*
 * What weighs how much against standing in the usual place: words that can't be read (in seconds),
 * hidden faces, hidden hair (in seconds by the share that is hidden), then the way, as a share of
 * the frame's height. Two texts one over the other look broken, whatever else is to be seen; a face
 * is looked at; hair only gives way where there is something free.
 */
#define WORD_COST 1000.0
#define FACE_COST 10.0
#define HAIR_COST 1.0
/* A face is measured from the brows to the chin; the head goes on above and beside it. */
#define HAIR 0.45
#define EARS 0.1
/* What is free between the title's card and words, in units: else they read as one text. */
#define APART 20.0

static double area_of(const struct kn_caption_box *box)
{
    return fmax(0, box->right - box->left) * fmax(0, box->bottom - box->top);
}

/* How badly `card` hides `box`, 0..1: of the smaller one the share that both have in common. */
static double share_under(const struct kn_caption_box *card, const struct kn_caption_box *box)
{
    double common = overlap(card->left, card->right, box->left, box->right) *
                    overlap(card->top, card->bottom, box->top, box->bottom);
    return common / fmax(fmin(area_of(box), area_of(card)), 1);
}

/* What hiding so much of a face and of the hair above it costs, a second. */
static double head_cost(const struct kn_caption_job *job, const struct kn_caption_box *face,
                        const struct kn_caption_box *card)
{
    double width = face->right - face->left, height = face->bottom - face->top;
    const struct kn_caption_box whole = {
        .left = fmax(face->left - EARS * width, 0),
        .top = face->top,
        .right = fmin(face->right + EARS * width, job->options->width_px),
        .bottom = face->bottom,
    };
    struct kn_caption_box hair = whole;
    hair.top = fmax(face->top - HAIR * height, 0);
    hair.bottom = face->top;
    return FACE_COST * share_under(card, &whole) + HAIR_COST * share_under(card, &hair);
}

static double cost_of_heads(const struct kn_caption_job *job, const struct kn_caption_box *card,
                            int64_t end_us)
{
    const struct kn_caption_ground *ground = job->options->ground;
    double cost = 0;
    for (int i = 0; ground && i < ground->face_count; i++) {
        const struct kn_caption_face *face = &ground->faces[i];
        double seconds = overlap_s(face->start_us, face->end_us, 0, end_us);
        if (seconds > 0)
            cost += seconds * head_cost(job, &face->box, card);
    }
    return cost;
}

/* The heights that a screenful takes with all that is drawn around its letters. */
static void screen_extent(const struct kn_caption_job *job, const struct kn_pieces *pieces,
                          const struct kn_caption *screen, double *ret_top, double *ret_bottom)
{
    const struct kn_caption_look *look = job->look;
    double em = look->em * job->area.unit * screen->scale, swell = (look->pop - 1) * em / 2;
    double around = (look->edge + look->pad_y) * job->area.unit + swell;
    double top = INFINITY, bottom = -INFINITY;
    for (int k = 0; k < screen->word_count; k++) {
        const struct kn_caption_word *word = &pieces->at[screen->first_word + k].word;
        if (word->ink.right <= word->ink.left)
            continue;
        /* Cards and pills are as high for "we" as for "Why". */
        top = fmin(top, fmin(word->ink.top, word->y - 0.45 * em));
        bottom = fmax(bottom, fmax(word->ink.bottom, word->y + 0.55 * em));
    }
    *ret_top = top - around;
    *ret_bottom = bottom + around + look->drop * job->area.unit;
}

/* Both are centred, so that they meet wherever their heights do. Any touch counts as much as being
 * hidden whole does; what is beyond it only ranks places where nothing is free. */
static double hidden_words_s(const struct kn_caption_job *job, const struct kn_pieces *pieces,
                             const struct kn_screens *screens, const struct kn_caption_box *card,
                             int64_t end_us)
{
    double hidden = 0, apart = APART * job->area.unit;
    for (int i = 0; job->look && i < screens->count; i++) {
        const struct kn_caption *screen = &screens->at[i];
        double top, bottom, seconds = overlap_s(screen->start_us, screen->end_us, 0, end_us);
        if (seconds <= 0)
            continue;
        screen_extent(job, pieces, screen, &top, &bottom);
        double common = overlap(card->top - apart, card->bottom + apart, top, bottom);
        if (common > 0)
            hidden += seconds * (1 + common / (card->bottom - card->top));
    }
    return hidden;
}

double kn_captions_title_center(const struct kn_caption_job *job, const struct kn_pieces *pieces,
                                const struct kn_screens *screens, double half_width,
                                double half_height, int64_t end_us)
{
    double x = (job->area.left + job->area.right) / 2, step = 8 * job->area.unit;
    double low = job->area.top + half_height, high = fmax(job->area.bottom - half_height, low);
    double usual = KN_CLAMP(job->area.title_center, low, high), best = usual, least = INFINITY;
    int steps = (int)ceil((high - low) / step);
    for (int i = 0; i <= 2 * steps; i++) { /* the usual place, then ever farther above and below */
        double y = usual + (i % 2 ? -1 : 1) * (double)((i + 1) / 2) * step;
        if (y < low || y > high)
            continue;
        const struct kn_caption_box card = {x - half_width, y - half_height, x + half_width,
                                            y + half_height};
        double cost = WORD_COST * hidden_words_s(job, pieces, screens, &card, end_us) +
                      cost_of_heads(job, &card, end_us) + fabs(y - usual) / job->options->height_px;
        if (cost < least) {
            least = cost;
            best = y;
        }
    }
    return best;
}
