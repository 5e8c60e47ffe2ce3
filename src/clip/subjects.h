/*
 * Who is to be seen at each moment of a shot. Pure.
 */
#ifndef KN_CLIP_SUBJECTS_H
#define KN_CLIP_SUBJECTS_H

#include "clip/framing.h"

/* The grid on which framing is planned. */
#define KN_FRAMING_STEP_US INT64_C(100000)

/* A face track on the grid of one shot. */
struct kn_subject {
    const struct kn_face_track *track;
    double presence;            /* share of the shot in which it is seen */
    double x, y, width, height; /* medians, shares of the picture */
    /* On the grid; meaningful where seen. */
    bool *seen;
    double *at_x, *at_y; /* centre of the face */
    double *mouth;
};

struct kn_subjects {
    int count; /* left to right by x */
    struct kn_subject *at;
    int steps;
};

/* The people of the shot [start, end): tracks that are there long enough and large enough to be
 * its subject, at most 8. */
void kn_subjects_find(const struct kn_closeup *closeup, int64_t start_us, int64_t end_us,
                      struct kn_arena *arena, struct kn_subjects *ret_subjects);

/*
 * The one to follow at each step, ret_who[steps]; -1 while nobody is there. Prefers who speaks
 * (mouth motion while there is speech), then who is larger, and dislikes change: the best whole
 * sequence is found by dynamic programming (Viterbi), and nobody is shown for less than
 * KN_FRAMING_SWITCH_MIN_US before another.
 */
void kn_subjects_follow(const struct kn_subjects *subjects, int64_t start_us,
                        const struct kn_sound *speech, struct kn_arena *arena, int *ret_who);

/* Does whom `who` names speak for a good part of the shot, and clearly rather than the others? */
bool kn_subjects_speaker_clear(const struct kn_subjects *subjects, int64_t start_us,
                               const struct kn_sound *speech, const int *who);

#endif
