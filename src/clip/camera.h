/*
 * A camera along one axis: from where the subject is to where the crop's centre is. Pure.
 *
 * The idea is a tripod, not a drone: the camera stands still as long as the subject stays within
 * a dead zone, and moves to its next stand smoothly. Stands are planned over the whole span at
 * once (the fewest that keep the subject in the zone), so the camera neither lags nor hunts.
 */
#ifndef KN_CLIP_CAMERA_H
#define KN_CLIP_CAMERA_H

#include <stdbool.h>

struct kn_camera {
    double dead_zone; /* the subject may be this far from the centre */
    double speed_max; /* per step */
    int stand_min;    /* steps; also the least time between turns */
    int glide;        /* steps that a move takes when there is time */
    double low, high; /* where the centre may be */
};

/*
 * target[n] are the subject's positions on an even grid, known where seen[i]; pos[n] is filled
 * with the camera's. In between unseen samples are interpolated, and without any the camera stands
 * at `home`. n is at least 1.
 */
void kn_camera_follow(const struct kn_camera *camera, const double *target, const bool *seen, int n,
                      double home, double *ret_pos);

#endif
