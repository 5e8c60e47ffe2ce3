/* Apart from job.c so that the help can show the defaults without loading what does the work. */
#include "base/clock.h"
#include "pipeline/job.h"

void kn_job_defaults(struct kn_job_options *ret_options)
{
    *ret_options = (struct kn_job_options){
        .speech = true,
        .segments = {.min_us = 15 * KN_US_PER_S, .max_us = 60 * KN_US_PER_S},
        .aspects = {.count = 1, .at = {KN_ASPECT_9_16}},
        .layout = KN_LAYOUT_AUTO,
        .captions = KN_CAPTIONS_DEFAULT,
        .render = {.encoder = "libx264",
                   .preset = "veryfast",
                   .crf = 20,
                   .loudness_lufs = -14,
                   .true_peak_dbtp = -1.5,
                   .max_rate_hz = 30},
    };
    kn_ai_defaults(&ret_options->ai);
}
