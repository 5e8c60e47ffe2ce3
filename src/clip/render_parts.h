/*
 * The inside of a render, shared by the loop over the frames (render.c) and what is done for each
 * target (render_output.c). Not for anybody else.
 */
#ifndef KN_CLIP_RENDER_PARTS_H
#define KN_CLIP_RENDER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include <kirinuki/channel.h>

#include "clip/burn.h"
#include "clip/render.h"
#include "clip/sound.h"
#include "clip/timing.h"
#include "clip/wave.h"
#include "media/compose.h"
#include "media/encoder.h"
#include "media/video_reader.h"

struct render;

/* One output file. */
struct output {
    struct render *render;
    const struct kn_render_target *target;
    struct kn_composer *composer;
    struct kn_burner *burner; /* NULL: no captions */
    struct kn_wave *wave;     /* of sources without pictures, else NULL */
    struct kn_encoder *encoder;
    struct kn_channel *frames; /* struct kn_picture, owned by who received it */
    pthread_t thread;
    bool running;
    bool finished;       /* the file has its name */
    atomic_bool lost;    /* a smaller one that failed: it gets no more frames */
    struct kn_error why; /* by the render's lock: of a lost one its first failure */
};

struct render {
    const struct kn_render_request *request;
    struct kn_cancel *stop; /* child of the caller's */
    struct kn_progress *progress;
    struct kn_clip_timing timing;
    int output_count;
    struct output outputs[KN_RENDER_TARGETS_MAX];
    struct kn_video_reader *reader; /* NULL without pictures */
    atomic_int encoded;             /* frames of all targets */

    struct kn_thumbnail_choice choice; /* by the calling thread; without order: none is made */

    pthread_t sound_thread;
    bool sound_running;
    struct kn_clip_sound sound; /* these two are written before sound_ready, and only read then */
    struct kn_coded_sound *coded;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool sound_ready;      /* by lock */
    struct kn_error error; /* by lock: the first failure; status KN_OK while there is none */
};

/* ---- render.c; any thread ---- */

/* Keeps the first failure and stops everybody. */
void kn_render_give_up(struct render *render, enum kn_status status, const struct kn_error *err);
/* Is the coded sound there? Where `wait`, comes back with false only when the render has failed. */
bool kn_render_sound_ready(struct render *render, bool wait);

/* ---- render_output.c ---- */

/* Opens all that the target needs, but for its thread. Close it whatever the outcome. */
enum kn_status kn_output_open(struct render *render, const struct kn_render_target *target,
                              struct output *output, struct kn_error *err);
void kn_output_close(struct output *output);
/* The thread: encodes frames until their channel is closed, and the sound. */
void *kn_output_run(void *output);
/* Makes frame `index` and hands it on. The calling thread's, as all that follows. */
enum kn_status kn_output_send(struct output *output, int index, const struct kn_picture *picture,
                              struct kn_error *err);
/* Once its thread has ended: the file takes its name. */
enum kn_status kn_output_finish(struct output *output, struct kn_error *err);
/* It failed. A smaller one is given up alone; of another one the status is handed back, for the
 * render to fail with. Any thread. */
enum kn_status kn_output_fail(struct output *output, enum kn_status status,
                              const struct kn_error *err);

#endif
