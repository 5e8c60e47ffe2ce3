/*
 * The limiter, after the usual scheme: for every sample the gain that its true peak allows; the
 * smallest of them over the next 5 ms, which rises back slowly (release); the mean of that over
 * 5 ms. A mean of values that are all small enough is small enough, so the ceiling holds exactly
 * for the peaks that were seen, and the gain never jumps.
 *
 * True peaks are looked for at four times the rate with a 12-tap interpolator (BS.1770-4, annex 2
 * does the same), where neighbouring samples are large enough to make one. The final measurement
 * uses a longer one; the few hundredths of a decibel that it may find are taken off everything.
 */
#include "media/loudness.h"

#include <ebur128.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

enum {
    TAPS = 12, /* of the interpolator, for each of the positions between two samples */
    BETWEEN = 3,
    CHUNK = 2048, /* sample frames that are limited at once while measuring */
    BLOCK = 256,  /* sample frames that share a largest value */
    ROUNDS_MAX = 5,
};

static const double LIMITING_MAX_DB = 8.0;
static const double LIVELY_LU = 5.0; /* between the loud and the quiet moments of a sound */
static const double CLOSE_LU = 0.15; /* good enough to stop correcting */
static const double LOOK_AHEAD_S = 0.005, RELEASE_S = 0.08;

static double from_db(double db)
{
    return pow(10.0, db / 20.0);
}

/* ---- measuring ------------------------------------------------------------------------------ */

static ebur128_state *new_meter(const struct kn_sound_buffer *sound, int mode)
{
    ebur128_state *meter =
        ebur128_init((unsigned)sound->channels, (unsigned long)sound->rate_hz, mode);
    if (!meter)
        kn_out_of_memory();
    return meter;
}

static double read_loudness(ebur128_state *meter)
{
    double lufs;
    if (ebur128_loudness_global(meter, &lufs) != EBUR128_SUCCESS ||
        !(lufs > KN_LOUDNESS_SILENT_LUFS))
        return KN_LOUDNESS_SILENT_LUFS;
    return lufs;
}

static double read_peak(ebur128_state *meter, int channels)
{
    double peak = 0.0;
    for (int c = 0; c < channels; c++) {
        double channel = 0.0;
        if (ebur128_true_peak(meter, (unsigned)c, &channel) == EBUR128_SUCCESS)
            peak = fmax(peak, channel);
    }
    return peak > 0.0 ? fmax(20.0 * log10(peak), KN_PEAK_SILENT_DBTP) : KN_PEAK_SILENT_DBTP;
}

static void feed_meter(ebur128_state *meter, const float *samples, int64_t count)
{
    if (ebur128_add_frames_float(meter, samples, (size_t)count) != EBUR128_SUCCESS)
        kn_out_of_memory(); /* its only failure here */
}

void kn_loudness_measure(const struct kn_sound_buffer *sound, struct kn_loudness *ret_loudness)
{
    ebur128_state *meter = new_meter(sound, EBUR128_MODE_I | EBUR128_MODE_TRUE_PEAK);
    feed_meter(meter, sound->samples, sound->count);
    ret_loudness->integrated_lufs = read_loudness(meter);
    ret_loudness->true_peak_dbtp = read_peak(meter, sound->channels);
    ebur128_destroy(&meter);
}

/* Momentary loudness (400 ms, every 100 ms) in classes of half a LU above the silence's floor. */
enum { MOMENT_CLASSES = 160, CLASSES_PER_LU = 2, MOMENTS_PER_S = 10 };

/* The loudness that the quietest `share` of all moments do not exceed, above the floor. */
static double moment_above(const int64_t counts[MOMENT_CLASSES], int64_t total, double share)
{
    int64_t below = 0;
    int class = 0;
    while (class < MOMENT_CLASSES - 1 && (double)(below += counts[class]) < share * (double)total)
        class ++;
    return (double)class / CLASSES_PER_LU;
}

/* The loudness before anything is done, and whether the sound comes and goes: the moments of
 * speech lie 10 to 30 LU apart and those of music 5 to 20, those of hiss, hum and rain 1 to 3. */
static void measure_before(const struct kn_sound_buffer *sound, struct kn_level_report *report)
{
    int64_t counts[MOMENT_CLASSES] = {0}, total = 0, step = sound->rate_hz / MOMENTS_PER_S;
    ebur128_state *meter = new_meter(sound, EBUR128_MODE_I);
    for (int64_t at = 0; at < sound->count; at += step) {
        double lufs;
        feed_meter(meter, sound->samples + at * sound->channels, KN_MIN(step, sound->count - at));
        if (at < 3 * step || ebur128_loudness_momentary(meter, &lufs) != EBUR128_SUCCESS)
            continue; /* until the window is full it would seem to fade in */
        double above = fmax(lufs - KN_LOUDNESS_SILENT_LUFS, 0.0) * CLASSES_PER_LU;
        counts[(int)fmin(above, MOMENT_CLASSES - 1)]++;
        total++;
    }
    report->before_lufs = read_loudness(meter);
    report->lively =
        moment_above(counts, total, 0.95) - moment_above(counts, total, 0.1) >= LIVELY_LU;
    ebur128_destroy(&meter);
}

/* ---- the limiter ---------------------------------------------------------------------------- */

struct limiter {
    const struct kn_sound_buffer *sound;
    double gain;    /* before the limiter */
    double ceiling; /* linear */
    int window;     /* samples of looking ahead */
    float release;  /* share of the way back to 1 a sample */
    float taps[BETWEEN][TAPS];
    float reach;          /* the interpolator can't exceed this times the largest sample */
    const float *largest; /* of each block; borrowed */

    int64_t seen;    /* samples looked at */
    int64_t *low_at; /* a queue of rising gains: candidates for the smallest of the window */
    float *low;
    int low_first, low_count;
    float held;    /* the smallest, with release */
    float *recent; /* ring of `window` held gains */
    double recent_sum;
};

/* Windowed sinc at 1/4, 1/2 and 3/4 of the way between two samples; tap 5 is the sample before. */
static void make_taps(struct limiter *limiter)
{
    double most = 0.0;
    for (int p = 0; p < BETWEEN; p++) {
        double sum = 0.0, reach = 0.0;
        for (int k = 0; k < TAPS; k++) {
            double t = k - (TAPS / 2 - 1) - (p + 1) / 4.0;
            double window = 0.5 + 0.5 * cos(M_PI * t / (TAPS / 2));
            limiter->taps[p][k] = (float)(sin(M_PI * t) / (M_PI * t) * window);
            sum += limiter->taps[p][k];
        }
        for (int k = 0; k < TAPS; k++) {
            limiter->taps[p][k] /= (float)sum;
            reach += fabs(limiter->taps[p][k]);
        }
        most = fmax(most, reach);
    }
    limiter->reach = (float)most;
}

static void limiter_init(struct limiter *limiter, const struct kn_sound_buffer *sound,
                         const float *largest, double gain_db, double ceiling_db)
{
    *limiter = (struct limiter){
        .sound = sound,
        .gain = from_db(gain_db),
        .ceiling = from_db(ceiling_db),
        .window = KN_MAX((int)(LOOK_AHEAD_S * sound->rate_hz), 1),
        .release = (float)(1.0 - exp(-1.0 / (RELEASE_S * sound->rate_hz))),
        .held = 1.0f,
        .largest = largest,
    };
    make_taps(limiter);
    limiter->low_at = kn_calloc((size_t)limiter->window, sizeof *limiter->low_at);
    limiter->low = kn_calloc((size_t)limiter->window, sizeof *limiter->low);
    limiter->recent = kn_calloc((size_t)limiter->window, sizeof *limiter->recent);
    for (int i = 0; i < limiter->window; i++)
        limiter->recent[i] = 1.0f;
    limiter->recent_sum = limiter->window;
}

static void limiter_done(struct limiter *limiter)
{
    free(limiter->low_at);
    free(limiter->low);
    free(limiter->recent);
}

/* The largest sample of each block, with what the interpolator reaches of its neighbours: owned
 * by the caller. */
static float *find_largest(const struct kn_sound_buffer *sound)
{
    int64_t blocks = (sound->count + BLOCK - 1) / BLOCK;
    float *largest = kn_calloc((size_t)blocks + 1, sizeof *largest);
    for (int64_t block = 0; block < blocks; block++) {
        int64_t from = KN_MAX(block * BLOCK - TAPS, 0);
        int64_t to = KN_MIN((block + 1) * BLOCK + TAPS, sound->count);
        for (int64_t i = from * sound->channels; i < to * sound->channels; i++)
            largest[block] = fmaxf(largest[block], fabsf(sound->samples[i]));
    }
    return largest;
}

static float sample_at(const struct kn_sound_buffer *sound, int64_t at, int channel)
{
    return at >= 0 && at < sound->count ? sound->samples[at * sound->channels + channel] : 0.0f;
}

/* The largest value from sample `at` up to the next one, of all channels; 0 where it can't reach
 * the ceiling. */
static float peak_at(const struct limiter *limiter, int64_t at)
{
    const struct kn_sound_buffer *sound = limiter->sound;
    if (limiter->largest[at / BLOCK] * limiter->reach * limiter->gain <= limiter->ceiling)
        return 0.0f;
    float peak = 0.0f;
    for (int c = 0; c < sound->channels; c++) {
        float near[TAPS];
        for (int k = 0; k < TAPS; k++)
            near[k] = sample_at(sound, at + k - (TAPS / 2 - 1), c);
        peak = fmaxf(peak, fabsf(near[TAPS / 2 - 1]));
        for (int p = 0; p < BETWEEN; p++) {
            float sum = 0.0f;
            for (int k = 0; k < TAPS; k++)
                sum += near[k] * limiter->taps[p][k];
            peak = fmaxf(peak, fabsf(sum));
        }
    }
    return peak;
}

/* The smallest of the last `window` gains. */
static float smallest_with(struct limiter *limiter, int64_t at, float gain)
{
    int window = limiter->window;
    if (limiter->low_count && limiter->low_at[limiter->low_first] <= at - window) {
        limiter->low_first = (limiter->low_first + 1) % window;
        limiter->low_count--;
    }
    while (limiter->low_count) {
        int last = (limiter->low_first + limiter->low_count - 1) % window;
        if (limiter->low[last] < gain)
            break;
        limiter->low_count--;
    }
    int next = (limiter->low_first + limiter->low_count++) % window;
    limiter->low[next] = gain;
    limiter->low_at[next] = at;
    return limiter->low[limiter->low_first];
}

/* Looks at one more sample; the gain for the one that is `window` - 1 before it. */
static float advance(struct limiter *limiter)
{
    int64_t at = limiter->seen++;
    double peak = at < limiter->sound->count ? peak_at(limiter, at) * limiter->gain : 0.0;
    float allowed = peak > limiter->ceiling ? (float)(limiter->ceiling / peak) : 1.0f;
    float low = smallest_with(limiter, at, allowed);
    limiter->held = fminf(low, limiter->held + (1.0f - limiter->held) * limiter->release);
    float *oldest = &limiter->recent[at % limiter->window];
    limiter->recent_sum += limiter->held - *oldest;
    *oldest = limiter->held;
    return (float)(limiter->recent_sum / limiter->window);
}

/* Writes samples [from, from + count), which follow those of the call before. `to` may be where
 * they are read from: what is read lies ahead of what is written. */
static void limit(struct limiter *limiter, int64_t from, int count, float *to)
{
    const struct kn_sound_buffer *sound = limiter->sound;
    while (limiter->seen < from + limiter->window - 1)
        (void)advance(limiter); /* looks ahead of the first sample */
    for (int i = 0; i < count; i++) {
        float gain = advance(limiter) * (float)limiter->gain;
        for (int c = 0; c < sound->channels; c++)
            to[i * sound->channels + c] = sound->samples[(from + i) * sound->channels + c] * gain;
    }
}

/* ---- levelling ------------------------------------------------------------------------------ */

/* The loudness behind the limiter, which leaves the sound as it is. */
static double try_limiter(const struct kn_sound_buffer *sound, const float *largest, double gain_db,
                          double ceiling_db)
{
    struct limiter limiter;
    limiter_init(&limiter, sound, largest, gain_db, ceiling_db);
    ebur128_state *meter = new_meter(sound, EBUR128_MODE_I);
    KN_SCOPED_MEM float *aside = kn_calloc((size_t)CHUNK * (size_t)sound->channels, sizeof *aside);
    for (int64_t at = 0; at < sound->count; at += CHUNK) {
        int count = (int)KN_MIN((int64_t)CHUNK, sound->count - at);
        limit(&limiter, at, count, aside);
        feed_meter(meter, aside, count);
    }
    double lufs = read_loudness(meter);
    ebur128_destroy(&meter);
    limiter_done(&limiter);
    return lufs;
}

static void apply_limiter(const struct kn_sound_buffer *sound, const float *largest, double gain_db,
                          double ceiling_db, struct kn_loudness *ret_after)
{
    struct limiter limiter;
    limiter_init(&limiter, sound, largest, gain_db, ceiling_db);
    for (int64_t at = 0; at < sound->count; at += CHUNK)
        limit(&limiter, at, (int)KN_MIN((int64_t)CHUNK, sound->count - at),
              sound->samples + at * sound->channels);
    limiter_done(&limiter);
    kn_loudness_measure(sound, ret_after);
    double over_db = ret_after->true_peak_dbtp - ceiling_db;
    if (over_db <= 0.0)
        return;
    float less = (float)from_db(-over_db);
    for (int64_t i = 0; i < sound->count * sound->channels; i++)
        sound->samples[i] *= less;
    ret_after->true_peak_dbtp -= over_db;
    ret_after->integrated_lufs -= over_db;
}

void kn_loudness_level(const struct kn_sound_buffer *sound, double target_lufs, double peak_dbtp,
                       struct kn_level_report *ret_report)
{
    struct kn_level_report report = {0};
    measure_before(sound, &report);
    double amplify_max_db = report.lively ? KN_AMPLIFY_LIVELY_DB : KN_AMPLIFY_STEADY_DB;

    KN_SCOPED_MEM float *largest = find_largest(sound);
    double gain_db = 0.0;
    if (report.before_lufs > KN_LOUDNESS_SILENT_LUFS) {
        gain_db = fmin(target_lufs - report.before_lufs, amplify_max_db);
        double most_db = fmin(gain_db + LIMITING_MAX_DB, amplify_max_db);
        for (int round = 0; round < ROUNDS_MAX; round++) {
            double lufs = try_limiter(sound, largest, gain_db, peak_dbtp);
            double next_db = fmin(gain_db + target_lufs - lufs, most_db);
            if (fabs(next_db - gain_db) <= CLOSE_LU)
                break;
            gain_db = next_db;
        }
    }
    apply_limiter(sound, largest, gain_db, peak_dbtp, &report.after);
    report.gain_db = gain_db;
    *ret_report = report;
}

void kn_sound_fade(const struct kn_sound_buffer *sound, int64_t fade_us)
{
    int64_t fade = KN_MIN(fade_us * sound->rate_hz / 1000000, sound->count / 2);
    for (int64_t i = 0; i < fade; i++) {
        float gain = (float)(0.5 - 0.5 * cos(M_PI * (double)(i + 1) / (double)(fade + 1)));
        for (int c = 0; c < sound->channels; c++) {
            sound->samples[i * sound->channels + c] *= gain;
            sound->samples[(sound->count - 1 - i) * sound->channels + c] *= gain;
        }
    }
}
