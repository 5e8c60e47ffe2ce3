/*
 * How much memory a job takes, told before it runs from what its source and options are.
 *
 * Pictures are what is large: those that a decoder keeps to refer to, and those that an encoder
 * looks ahead at. Everything else is small, and grows with the length of the source alone.
 *
 *     render   decoder at the source's size + an encoder for each aspect at the clip's size, and
 *              for each rendition beside it at that one's
 *     copy     decoder and encoder at the source's size
 *
 * The numbers were measured (resident memory of processes, x264 with two threads, sources from
 * 360p to 4K); bench/memory.py measures them again and compares.
 */
#ifndef KN_SERVICE_JOB_NEED_H
#define KN_SERVICE_JOB_NEED_H

#include <stdint.h>

#include "model/source.h"
#include "pipeline/job.h"
#include "pipeline/rendition_ahead.h"
#include "service/settings.h"

/* What a worker's process takes beside: programs, and the models while somebody recognises. */
enum { KN_WORKER_BASE_BYTES = 215 << 20 };
/* Of a job that nobody could look at: a render from 1080p. */
enum { KN_JOB_NEED_UNKNOWN_BYTES = 310 << 20 };

/* Of one of its steps that computes, beside the process's base. `ahead`: what clips are rendered to
 * beside; NULL: nothing. */
int64_t kn_job_need_of(const struct kn_source *source, const struct kn_job_options *options,
                       const struct kn_renditions_ahead *ahead);
/* The same for a file. One that can't be probed has no need that is known; ret_why (KN_OK where it
 * can) says what is wrong with it, as the attempt will when its turn comes. */
int64_t kn_job_need(const char *video, const struct kn_job_options *options,
                    const struct kn_renditions_ahead *ahead, struct kn_cancel *cancel,
                    struct kn_error *ret_why);

/* What this process has in memory now; 0: the system does not say. */
int64_t kn_worker_memory_now(void);

#endif
