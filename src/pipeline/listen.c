/*
 *   decode ─48 kHz stereo─> curves (loudness, pitch, events)
 *      └─16 kHz mono─> [10 s] ─(a task, 16 s at a time)─> VAD ─> utterances ─(a group)─> words
 *
 * Decoding and measuring run on the step's own thread, 100 ms at a time, and the VAD beside it
 * (pipeline/voice.h). What the VAD says is looked at by the step's thread again, which cuts
 * utterances and hands them on: all that is here but the net belongs to that thread.
 *
 * Level: the VAD wants sound of a usual level, but the level of a whole source is known only at
 * its end, and a first pass would read a file of many gigabytes twice. So the VAD follows 10 s
 * behind the decoder, and each moment is amplified by what brings the loudest of the 30 s before
 * and the 10 s after it to the usual level. A quiet speaker after a loud one is heard as well.
 */
#include "pipeline/listen.h"

#include <math.h>
#include <string.h>

#include "ai/silero.h"
#include "analyze/downsample.h"
#include "analyze/sound.h"
#include "analyze/utterances.h"
#include "base/clock.h"
#include "base/vec.h"
#include "media/audio_reader.h"
#include "pipeline/recognise.h"
#include "pipeline/voice.h"

enum {
    DECODED_HZ = 48000,
    HEARD_HZ = 16000,
    STEPS_A_S = 1000000 / KN_SOUND_STEP_US,
    AHEAD_STEPS = 10 * STEPS_A_S, /* the decoder is ahead of the VAD by this */
    BEHIND_STEPS = 30 * STEPS_A_S,
    LOCAL_STEPS = 4,            /* momentary loudness is over 400 ms */
    KEEP_EXTRA = 30 * HEARD_HZ, /* samples that may pile up before the front is dropped */
    NOTES_MAX = 12,
};

_Static_assert(KN_SPEECH_FRAME_US == KN_SILERO_FRAME * 1000 / (HEARD_HZ / 1000) &&
                   (int)KN_VOICE_FRAME == (int)KN_SILERO_FRAME,
               "the cutter's frames are the VAD's");

static const float usual_lufs = -18; /* of the loudest 400 ms: peaks around -3 dBFS */
static const float gain_max_db = 30, gain_min_db = -20;
static const float inaudible_db = 45; /* below the loudest around: no speech, VAD is not asked */
static const float sound_floor_lufs = -65;

struct listener {
    const struct kn_source *source;
    const struct kn_step_env *env;
    struct kn_audio_reader *reader;
    struct kn_downsampler downsampler;
    struct kn_sound_meter *meter;
    /* NULL when there is no recognising. */
    struct kn_silero *silero; /* the task's, while one runs */
    struct kn_voice *voice;
    struct kn_utterance_cutter *cutter;
    struct kn_recogniser *recogniser;
    /* The mono sound and its speech probabilities from a frame on that is still needed. */
    KN_VEC(float) sound;
    KN_VEC(float) probabilities; /* behind the sound by what the VAD has not done */
    int64_t kept_frame;          /* of sound.at[0] and probabilities.at[0] */
    int64_t next_frame;          /* for the VAD */
    int64_t decoded_us;
    int64_t heard_until_us; /* the end of the utterance before */
    struct kn_note notes[NOTES_MAX];
    int note_count;
    bool partial; /* an engine is missing */
};

/* What helps where nothing is recognised. */
#define USE_SUBTITLES "give its words as subtitles with --transcript FILE (docs/captions.md)"
#define GIVE_SUBTITLES                                                                             \
    "ask a speech service with --ai (docs/ai.md), or give its words as subtitles with "            \
    "--transcript FILE (docs/captions.md)"

static void add_note(struct listener *l, const char *text)
{
    if (l->note_count < NOTES_MAX)
        l->notes[l->note_count++] = (struct kn_note){text};
}

/* Hearing */

/* What brings the sound around a step to the usual level. */
static float gain_db(const struct listener *l, int step)
{
    float loudest = kn_sound_meter_loudest(l->meter, step - BEHIND_STEPS, step + AHEAD_STEPS);
    return KN_CLAMP(usual_lufs - loudest, gain_min_db, gain_max_db);
}

static bool is_inaudible(const struct listener *l, int step, float gain)
{
    float local = kn_sound_meter_loudest(l->meter, step, step + LOCAL_STEPS);
    return local < sound_floor_lufs || local + gain < usual_lufs - inaudible_db;
}

/* kn_voice_fn */
static enum kn_status detect(void *arg, const float *samples, float *ret_probability,
                             struct kn_error *err)
{
    struct kn_silero *silero = arg;
    if (samples)
        return kn_silero_next(silero, samples, ret_probability, err);
    kn_silero_skip(silero);
    *ret_probability = 0;
    return KN_OK;
}

static enum kn_status hear_frame(struct listener *l, struct kn_error *err)
{
    const float *samples = l->sound.at + (l->next_frame - l->kept_frame) * KN_SILERO_FRAME;
    int step = (int)(l->next_frame * KN_SPEECH_FRAME_US / KN_SOUND_STEP_US);
    float gain = gain_db(l, step);
    if (is_inaudible(l, step, gain))
        return kn_voice_add(l->voice, NULL, 0, err);
    return kn_voice_add(l->voice, samples, powf(10, gain / 20), err);
}

/* Hands an utterance to the recogniser. */
static enum kn_status dispatch(struct listener *l, const struct kn_speech_span *span,
                               struct kn_error *err)
{
    int64_t kept_us = l->kept_frame * KN_SPEECH_FRAME_US;
    int from = (int)((span->start_us - kept_us) * HEARD_HZ / 1000000);
    int to = (int)((span->end_us - kept_us) * HEARD_HZ / 1000000);
    to = KN_MIN(to, l->sound.count);
    int first = (int)((span->start_us - kept_us) / KN_SPEECH_FRAME_US);
    int last = (int)((span->end_us - kept_us) / KN_SPEECH_FRAME_US);
    last = KN_MIN(last, l->probabilities.count);
    if (from >= to)
        return KN_OK;
    int64_t before_us = KN_MIN(span->start_us - l->heard_until_us, KN_BEFORE_US);
    l->heard_until_us = span->end_us;
    struct kn_recogniser_input input = {
        .start_us = span->start_us,
        .end_us = span->end_us,
        .speech_us = span->speech_us,
        .samples = l->sound.at + from,
        .count = to - from,
        .before = KN_CLAMP((int)(before_us * HEARD_HZ / 1000000), 0, from),
        .probabilities = l->probabilities.at + first,
        .frame_count = KN_MAX(last - first, 0),
    };
    enum kn_status status = kn_recogniser_add(l->recogniser, &input);
    if (status != KN_OK) /* the reason is with the recogniser; a stop by request is the usual one */
        status = kn_error_set(err, KN_CANCELLED, "stopped by request");
    return status;
}

/* Drops the sound that no utterance needs any more, nor what lies before the next one. */
static void forget(struct listener *l)
{
    int64_t needs_us = kn_utterance_cutter_needs_us(l->cutter) - KN_BEFORE_US;
    int64_t frame = KN_MAX(needs_us, 0) / KN_SPEECH_FRAME_US;
    int frames = (int)(frame - l->kept_frame);
    int samples = frames * KN_SILERO_FRAME;
    if (samples < KEEP_EXTRA)
        return;
    l->sound.count -= samples;
    memmove(l->sound.at, l->sound.at + samples, sizeof(float) * (size_t)l->sound.count);
    l->probabilities.count -= frames;
    memmove(l->probabilities.at, l->probabilities.at + frames,
            sizeof(float) * (size_t)l->probabilities.count);
    l->kept_frame = frame;
}

/* Looks at what the VAD has done meanwhile. */
static enum kn_status take_heard(struct listener *l, struct kn_error *err)
{
    const float *probabilities;
    int count = kn_voice_take(l->voice, &probabilities);
    enum kn_status status = KN_OK;
    for (int i = 0; i < count && status == KN_OK; i++) {
        struct kn_speech_span span;
        kn_vec_push(&l->probabilities, probabilities[i]);
        kn_sound_meter_speech(l->meter, KN_SPEECH_FRAME_US, probabilities[i]);
        if (kn_utterance_cutter_add(l->cutter, probabilities[i], &span))
            status = dispatch(l, &span, err);
    }
    if (count && status == KN_OK)
        forget(l);
    return status;
}

/* Gives the VAD all whole frames that end before step `until`. */
static enum kn_status hear_until(struct listener *l, int until, struct kn_error *err)
{
    int64_t end = (int64_t)until * KN_SOUND_STEP_MONO / KN_SILERO_FRAME;
    enum kn_status status = KN_OK;
    for (; l->next_frame < end && status == KN_OK; l->next_frame++) {
        status = hear_frame(l, err);
        if (status == KN_OK)
            status = take_heard(l, err);
    }
    return status;
}

static enum kn_status hear_rest(struct listener *l, struct kn_error *err)
{
    struct kn_speech_span span;
    enum kn_status status = hear_until(l, kn_sound_meter_steps(l->meter), err);
    for (int i = 0; i < 2 && status == KN_OK; i++) {
        status = kn_voice_flush(l->voice, err);
        if (status == KN_OK)
            status = take_heard(l, err);
    }
    while (status == KN_OK && kn_utterance_cutter_end(l->cutter, &span))
        status = dispatch(l, &span, err);
    return status;
}

/* Decoding */

/* Reads the next step, filled up with silence at the end. KN_END: there was nothing left. */
static enum kn_status read_step(struct listener *l, float *stereo, struct kn_error *err)
{
    int filled = 0;
    while (filled < KN_SOUND_STEP_STEREO) {
        int got;
        enum kn_status status = kn_audio_reader_read(l->reader, stereo + 2 * filled,
                                                     KN_SOUND_STEP_STEREO - filled, &got, err);
        if (status == KN_END)
            break;
        if (status != KN_OK)
            return status;
        filled += got;
    }
    if (filled == 0)
        return KN_END;
    memset(stereo + 2 * filled, 0, sizeof(float) * 2 * (size_t)(KN_SOUND_STEP_STEREO - filled));
    l->decoded_us += (int64_t)filled * 1000000 / DECODED_HZ;
    return KN_OK;
}

static void show_progress(struct listener *l)
{
    /* Recognising is most of the work: what waits for it counts little yet. */
    const double decoding_share = 0.3;
    int64_t backlog_us = l->recogniser ? kn_recogniser_backlog_us(l->recogniser) : 0;
    double done_us = (double)l->decoded_us - (1 - decoding_share) * (double)backlog_us;
    if (l->source->duration_us > 0)
        kn_progress_set(l->env->progress,
                        KN_CLAMP(done_us / (double)l->source->duration_us, 0.0, 0.99));
}

static enum kn_status listen_through(struct listener *l, struct kn_error *err)
{
    float stereo[KN_SOUND_STEP_STEREO * 2], mono[KN_SOUND_STEP_MONO];
    for (;;) {
        enum kn_status status = kn_cancel_check(l->env->cancel, err);
        if (status == KN_OK)
            status = read_step(l, stereo, err);
        if (status == KN_END)
            break;
        if (status != KN_OK)
            return status;
        kn_downsampler_run(&l->downsampler, stereo, KN_SOUND_STEP_STEREO, mono);
        kn_sound_meter_add(l->meter, stereo, mono);
        if (!l->silero)
            continue;
        kn_vec_reserve(&l->sound, l->sound.count + KN_SOUND_STEP_MONO);
        memcpy(l->sound.at + l->sound.count, mono, sizeof mono);
        l->sound.count += KN_SOUND_STEP_MONO;
        int until = kn_sound_meter_steps(l->meter) - AHEAD_STEPS;
        status = hear_until(l, KN_MAX(until, 0), err);
        if (status != KN_OK)
            return status;
        show_progress(l);
    }
    return l->silero ? hear_rest(l, err) : KN_OK;
}

/* The whole */

static void note_damage(struct listener *l, struct kn_arena *arena)
{
    char text[KN_TIME_TEXT_BYTES];
    int64_t damaged_us = kn_audio_reader_damaged_us(l->reader);
    if (damaged_us > 0)
        add_note(l, kn_arena_printf(arena,
                                    "%s of the sound are missing or damaged and were taken "
                                    "as silence",
                                    kn_time_span(damaged_us, text)));
}

/* Who knows only some languages; with a service before it, that has been asked. */
static const struct kn_engine_desc *limited_engine(const struct kn_speech_chain *chain)
{
    for (int i = 0; i < chain->count; i++)
        if (chain->at[i].desc->languages)
            return chain->at[i].desc;
    return chain->at[0].desc;
}

static void note_speech(struct listener *l, const struct kn_speech_chain *chain,
                        const struct kn_heard *heard, struct kn_arena *arena)
{
    const struct kn_engine_desc *engine = limited_engine(chain);
    int counts[KN_SPEECH_VERDICT_COUNT] = {0};
    for (int i = 0; i < heard->utterance_count; i++)
        counts[heard->utterances[i].verdict]++;
    if (heard->word_count == 0 && !counts[KN_SPEECH_FOREIGN] && !counts[KN_SPEECH_FAILED]) {
        add_note(l, "nobody speaks in this source, or nothing that could be understood");
        return;
    }
    if (counts[KN_SPEECH_FOREIGN] && heard->word_count == 0)
        add_note(l, kn_arena_printf(arena,
                                    "this does not sound like English, the only language that “%s” "
                                    "knows, so nothing was written down: %s",
                                    engine->name,
                                    engine == chain->at[0].desc ? GIVE_SUBTITLES : USE_SUBTITLES));
    else if (counts[KN_SPEECH_FOREIGN])
        add_note(l, kn_arena_printf(arena,
                                    "%d of %d utterances do not sound like English and were left "
                                    "out",
                                    counts[KN_SPEECH_FOREIGN], heard->utterance_count));
    if (counts[KN_SPEECH_DOUBTFUL])
        add_note(l, kn_arena_printf(arena, "%d of %d utterances were hard to understand",
                                    counts[KN_SPEECH_DOUBTFUL], heard->utterance_count));
    if (counts[KN_SPEECH_FAILED])
        add_note(l, kn_arena_printf(arena, "%d of %d utterances could not be recognised",
                                    counts[KN_SPEECH_FAILED], heard->utterance_count));
}

static enum kn_status open_listener(struct listener *l, struct kn_error *err)
{
    static const struct kn_audio_format format = {DECODED_HZ, 2};
    kn_downsampler_init(&l->downsampler);
    l->meter = kn_sound_meter_new();
    return kn_audio_reader_open(l->source, &format, 0, -1, &l->reader, err);
}

static void close_listener(struct listener *l)
{
    kn_recogniser_free(l->recogniser);
    kn_utterance_cutter_free(l->cutter);
    kn_voice_free(l->voice);
    kn_silero_close(l->silero);
    kn_sound_meter_free(l->meter);
    kn_audio_reader_close(l->reader);
    kn_vec_free(&l->sound);
    kn_vec_free(&l->probabilities);
}

/* ---- who recognises ---- */

static void release_chain(struct kn_speech_chain *chain)
{
    for (int i = 0; i < chain->count; i++)
        kn_engine_release(chain->at[i].engine);
    kn_engine_release(chain->aligner);
}

static void add_engine(struct kn_speech_chain *chain, const struct kn_engine_desc *desc,
                       const struct kn_engine_settings *settings)
{
    chain->at[chain->count].desc = desc;
    chain->at[chain->count++].engine = kn_engine_acquire(desc, settings);
}

/* Where a service gives a text without times. */
static void add_aligner(struct kn_speech_chain *chain, const struct kn_engine_settings *settings)
{
    const struct kn_engine_desc *const *all = kn_engines();
    for (int i = 0; all[i] && !chain->aligner; i++) {
        if (all[i]->aligns && all[i]->available(settings, NULL) == KN_OK) {
            chain->aligner_desc = all[i];
            chain->aligner = kn_engine_acquire(all[i], settings);
        }
    }
}

/* The engines that are there and know the language; one that is not there is passed over with a
 * note while another one is. An empty chain and KN_OK: none knows the language, as a note says. */
static enum kn_status make_chain(struct listener *l, const struct kn_listen_options *options,
                                 struct kn_arena *arena, struct kn_speech_chain *chain,
                                 struct kn_error *err)
{
    struct kn_ai_options usual;
    kn_ai_defaults(&usual);
    const struct kn_ai_options *ai = options->ai ? options->ai : &usual;
    const struct kn_engine_names *names = kn_ai_speech(ai);
    const struct kn_engine_settings settings = {
        .models = options->models,
        .service = options->services ? options->services->at[KN_SERVICE_SPEECH] : NULL,
        .model = ai->speech_model,
    };
    struct kn_error missing = {0}, why;
    for (int i = 0; i < names->count; i++) {
        const struct kn_engine_desc *desc = kn_engine_find(names->at[i]);
        if (!kn_engine_knows(desc, options->language))
            continue;
        if (desc->available(&settings, &why) == KN_OK)
            add_engine(chain, desc, &settings);
        else if (missing.status == KN_OK)
            missing = desc->lane == KN_LANE_IO && options->services
                          ? options->services->why[KN_SERVICE_SPEECH]
                          : why;
    }
    chain->language = options->language;
    chain->budget = options->budget;
    if (chain->count && chain->at[0].desc->chunk_best_us)
        add_aligner(chain, &settings);
    if (chain->count && missing.status != KN_OK) {
        add_note(l, kn_arena_printf(arena, "%s; “%s” recognised the speech", missing.text,
                                    chain->at[0].desc->name));
        l->partial = true;
    }
    if (!chain->count && missing.status == KN_OK && names->count)
        add_note(l, kn_arena_printf(arena,
                                    "“%s” does not know the language “%s”, so nothing was written "
                                    "down: " GIVE_SUBTITLES,
                                    names->at[0], options->language));
    if (chain->count || missing.status == KN_OK)
        return KN_OK;
    return kn_error_set(err, missing.status,
                        "%s; without it, --transcript FILE takes the words from subtitles, and "
                        "--no-speech goes by picture and sound alone",
                        missing.text);
}

/* ---- the whole ---- */

static enum kn_status finish_recogniser(struct listener *l, enum kn_status status,
                                        const struct kn_speech_chain *chain, struct kn_arena *arena,
                                        struct kn_heard *heard, struct kn_error *err)
{
    struct kn_error why;
    enum kn_status finished = kn_recogniser_finish(l->recogniser, arena, heard, &why);
    if (finished != KN_OK) {
        *err = why;
        if (finished == KN_NOT_FOUND) /* a model of a service, and no file that may come back */
            err->status = KN_INVALID;
        return err->status;
    }
    for (int i = 0; i < chain->count; i++) {
        const char *remark = kn_recogniser_remark(l->recogniser, i, arena);
        if (!remark)
            continue;
        add_note(l, remark);
        /* A service may know it another time; what is computed here comes out the same again. */
        heard->partial = heard->partial || chain->at[i].desc->chunk_best_us > 0;
    }
    return status;
}

static enum kn_status listen_with(struct listener *l, const struct kn_speech_chain *chain,
                                  const struct kn_listen_options *options, struct kn_arena *arena,
                                  struct kn_heard *heard, struct kn_error *err)
{
    enum kn_status status = open_listener(l, err);
    if (status == KN_OK && chain->count) {
        status = kn_silero_open(options->models, &l->silero, err);
        l->voice = kn_voice_new(l->env, detect, l->silero);
        l->cutter = kn_utterance_cutter_new();
        l->recogniser = kn_recogniser_new(chain, l->env);
    }
    if (status == KN_OK)
        status = listen_through(l, err);
    if (l->recogniser && (status == KN_OK || status == KN_CANCELLED))
        status = finish_recogniser(l, status, chain, arena, heard, err);
    if (status != KN_OK)
        return status;
    kn_sound_meter_finish(l->meter, arena, &heard->sound);
    note_damage(l, arena);
    if (chain->count)
        note_speech(l, chain, heard, arena);
    return KN_OK;
}

enum kn_status kn_listen(const struct kn_source *source, const struct kn_listen_options *options,
                         const struct kn_step_env *env, struct kn_arena *arena,
                         struct kn_heard *ret_heard, struct kn_error *err)
{
    struct listener l = {.source = source, .env = env};
    struct kn_heard heard = {0};
    struct kn_speech_chain chain = {0};
    enum kn_status status = KN_OK;
    if (!source->has_audio) {
        add_note(&l, "this source has no sound");
    } else {
        if (options->recognise)
            status = make_chain(&l, options, arena, &chain, err);
        if (status == KN_OK)
            status = listen_with(&l, &chain, options, arena, &heard, err);
        close_listener(&l);
        release_chain(&chain);
    }
    if (status != KN_OK)
        return status;
    heard.partial |= l.partial;
    heard.note_count = l.note_count;
    heard.notes = kn_arena_copy(arena, l.notes, sizeof *l.notes * (size_t)l.note_count);
    *ret_heard = heard;
    return KN_OK;
}
