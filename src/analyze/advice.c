#include "analyze/advice.h"

#include "base/memory.h"
#include "base/vec.h"

/* A sight says something of what lies around it. */
static const int64_t reach_us = 15000000;
/* Two spans that have so much in common are meant to be the same. */
static const double same_share = 0.7;

/* ---- sights ---- */

static float worth(const struct kn_sight *sight)
{
    return 0.6F * sight->hook + 0.25F * sight->action + 0.15F * sight->emotion;
}

/* The first sight at or after `at_us`. */
static int first_sight(const struct kn_timeline *t, int64_t at_us)
{
    return kn_first_from(t->sights, t->sight_count, at_us, at_us);
}

static float nearest_worth(const struct kn_timeline *t, int next, int64_t start_us, int64_t end_us)
{
    int64_t before_us = next > 0 ? start_us - t->sights[next - 1].at_us : INT64_MAX;
    int64_t after_us = next < t->sight_count ? t->sights[next].at_us - end_us : INT64_MAX;
    if (KN_MIN(before_us, after_us) > reach_us)
        return -1;
    return worth(before_us <= after_us ? &t->sights[next - 1] : &t->sights[next]);
}

float kn_sights_worth(const struct kn_timeline *timeline, int64_t start_us, int64_t end_us)
{
    int first = first_sight(timeline, start_us), count = 0;
    float sum = 0;
    for (int i = first; i < timeline->sight_count && timeline->sights[i].at_us < end_us; i++) {
        sum += worth(&timeline->sights[i]);
        count++;
    }
    return count ? sum / (float)count : nearest_worth(timeline, first, start_us, end_us);
}

const struct kn_sight *kn_sights_best(const struct kn_timeline *timeline, int64_t start_us,
                                      int64_t end_us)
{
    const struct kn_sight *best = NULL;
    for (int i = first_sight(timeline, start_us);
         i < timeline->sight_count && timeline->sights[i].at_us < end_us; i++)
        if (!best || worth(&timeline->sights[i]) > worth(best))
            best = &timeline->sights[i];
    return best;
}

/* ---- proposals ---- */

/* Intersection over union. */
static double overlap(const struct kn_proposal *p, int64_t start_us, int64_t end_us)
{
    int64_t common_us = KN_MIN(p->end_us, end_us) - KN_MAX(p->start_us, start_us);
    int64_t all_us = KN_MAX(p->end_us, end_us) - KN_MIN(p->start_us, start_us);
    return common_us > 0 ? (double)common_us / (double)all_us : 0;
}

float kn_proposals_worth(const struct kn_segment_options *options, int64_t start_us, int64_t end_us)
{
    double most = 0;
    for (int i = 0; i < options->proposal_count; i++) {
        const struct kn_proposal *p = &options->proposals[i];
        double share = overlap(p, start_us, end_us);
        /* Below one half another part of the same talk is meant. */
        most = KN_MAX(most, (double)p->score / 100 * KN_MAX(2 * share - 1, 0));
    }
    return (float)most;
}

const struct kn_proposal *kn_proposals_match(const struct kn_segment_options *options,
                                             int64_t start_us, int64_t end_us)
{
    const struct kn_proposal *best = NULL;
    double most = 0;
    for (int i = 0; i < options->proposal_count; i++) {
        const struct kn_proposal *p = &options->proposals[i];
        double share = overlap(p, start_us, end_us);
        if (share < same_share || share < most)
            continue;
        if (!best || share > most || p->score > best->score)
            best = p;
        most = share;
    }
    return best;
}
