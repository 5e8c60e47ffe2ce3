#include "support/media.h"

#include <math.h>

#include "base/str.h"
#include "media/audio_reader.h"

/* Reads [start, end) in pieces of an odd size. *ret_samples is the caller's; returns frames. */
static int read_span(const struct kn_source *source, int rate_hz, int channels, int64_t start_us,
                     int64_t end_us, float **ret_samples, int64_t *ret_damaged_us)
{
    KN_SCOPED(kn_audio_reader) reader = NULL;
    struct kn_error err = {0};
    struct kn_audio_format format = {rate_hz, channels};
    if (kn_audio_reader_open(source, &format, start_us, end_us, &reader, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    float *samples = NULL;
    int count = 0, room = 0, got;
    for (;;) {
        if (count + 1999 > room) {
            room = 2 * (count + 1999);
            samples = kn_realloc(samples, (size_t)room * (size_t)channels, sizeof *samples);
        }
        enum kn_status status =
            kn_audio_reader_read(reader, samples + (size_t)count * channels, 1999, &got, &err);
        if (status == KN_END)
            break;
        if (status != KN_OK)
            fail_msg("%s", kn_error_text(&err));
        assert_in_range(got, 1, 1999);
        count += got;
    }
    if (ret_damaged_us)
        *ret_damaged_us = kn_audio_reader_damaged_us(reader);
    *ret_samples = samples;
    return count;
}

/* A sine that is silent but for a click at each full second, and a WAV of it. */
static void write_click_wav(const char *path, int rate_hz, int seconds)
{
    size_t count = (size_t)rate_hz * (size_t)seconds, bytes = count * 2;
    uint8_t *wav = kn_calloc(1, 44 + bytes);
    memcpy(wav, "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0", 24);
    uint32_t fields[] = {(uint32_t)rate_hz, (uint32_t)rate_hz * 2};
    memcpy(wav + 24, fields, sizeof fields);
    memcpy(wav + 32, "\2\0\x10\0data", 8);
    uint32_t data = (uint32_t)bytes, riff = data + 36;
    memcpy(wav + 40, &data, 4);
    memcpy(wav + 4, &riff, 4);
    for (size_t i = 0; i < count; i++) {
        /* A band-limited click survives resampling with its centre where it was. */
        double t = (double)i / rate_hz - floor((double)i / rate_hz + 0.5);
        double x = i > (size_t)rate_hz / 2 ? 20000.0 * exp(-t * t * 4e6) : 0.0;
        int16_t value = (int16_t)lrint(x);
        memcpy(wav + 44 + 2 * i, &value, 2);
    }
    assert_int_equal(kn_file_write(path, wav, 44 + bytes, NULL), KN_OK);
    free(wav);
}

/* The centre of mass of |x|² near `around` seconds, in seconds. */
static double click_at(const float *samples, int count, int channels, int rate_hz, double around)
{
    double sum = 0.0, moment = 0.0;
    int from = (int)((around - 0.1) * rate_hz), to = (int)((around + 0.1) * rate_hz);
    for (int i = KN_MAX(from, 0); i < KN_MIN(to, count); i++) {
        double x = samples[(size_t)i * (size_t)channels];
        sum += x * x;
        moment += x * x * i;
    }
    return sum > 1e-6 ? moment / sum / rate_hz : -1.0;
}

static void clicks_are_where_they_were(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *wav = kn_path_join(arena, folder, "click.wav");
    static const struct {
        const char *name, *how;
        double slack_s; /* what the container's clock can't tell, or the codec smears */
    } cases[] = {
        {"x.wav", "-c:a pcm_s16le", 1e-6},          {"x.flac", "-c:a flac", 1e-6},
        {"x.mp4", "-c:a aac -b:a 192k", 5e-5},      {"x.mkv", "-c:a flac", 6e-4},
        {"x.webm", "-c:a libopus -b:a 128k", 1e-3}, {"x.mp3", "-c:a libmp3lame -b:a 192k", 1e-4},
        {"x.ogg", "-c:a libvorbis -q:a 6", 1e-4},
    };
    static const int in_rates[] = {48000, 44100}, out_rates[] = {16000, 48000};
    for (size_t r = 0; r < 2; r++) {
        write_click_wav(wav, in_rates[r], 6);
        for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
            const char *path = kn_path_join(arena, folder, cases[i].name);
            make_media("-i %s %s %s", wav, cases[i].how, path);
            struct kn_source source = probed(arena, path);
            for (size_t o = 0; o < 2; o++) {
                float *samples;
                int64_t start_us = o ? 1600000 : 0;
                int count = read_span(&source, out_rates[o], 1, start_us, -1, &samples, NULL);
                for (int second = 2; second < 6; second++) {
                    double at =
                        click_at(samples, count, 1, out_rates[o], second - (double)start_us / 1e6) +
                        (double)start_us / 1e6;
                    if (fabs(at - second) > cases[i].slack_s)
                        fail_msg("%s of %d Hz at %d Hz: click %d at %.6f", cases[i].name,
                                 in_rates[r], out_rates[o], second, at);
                }
                free(samples);
            }
        }
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

/* Energy of the difference between `span` and `whole` from `from` on, as a share of the latter's.
 */
static double difference(const float *span, const float *whole, int64_t from, int count,
                         int channels)
{
    double apart = 0.0, energy = 1e-4;
    for (int64_t i = 0; i < (int64_t)count * channels; i++) {
        double x = whole[from * channels + i];
        apart += (span[i] - x) * (span[i] - x);
        energy += x * x;
    }
    return apart / energy;
}

/*
 * Codecs with a memory (opus) or with noise substitution (AAC) do not give the very same samples
 * after a seek, but close ones at the same place; a shift by a single sample would show at once.
 * Matroska's clock of 1 ms allows a shift of so much.
 */
static void random_access_equals_a_whole_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int rate_hz, channels, shift;
        double slack;
    } cases[] = {
        {"google_paris_office.mp4", 48000, 2, 0, 3e-3},
        {"google_paris_office.mp4", 16000, 1, 0, 3e-3},
        {"autoeditor_example.mp4", 16000, 1, 0, 1e-9},
        {"bbb_nospeech_117s.mp4", 48000, 2, 0, 3e-3},
        {"katie_steve_dialog.wav", 48000, 2, 0, 1e-12},
        {"physicsworks_6ch_opus.webm", 16000, 1, 16, 1e-3},
        {"pathological/video_with_failing_audio.mp4", 48000, 2, 0, 1e-6},
        {"pathological/ts_starts_midpacket.ts", 48000, 2, 0, 1e-3},
    };
    struct kn_arena *arena = kn_arena_new();
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_source source = probed(arena, corpus_file(arena, cases[i].name));
        int rate_hz = cases[i].rate_hz, channels = cases[i].channels;
        float *whole, *span;
        int whole_count = read_span(&source, rate_hz, channels, 0, -1, &whole, NULL);
        for (int part = 0; part < 6; part++) {
            int64_t start_us = source.duration_us / 6 * part + 12345;
            int64_t end_us = KN_MIN(start_us + 700001, source.duration_us);
            int count = read_span(&source, rate_hz, channels, start_us, end_us, &span, NULL);
            int64_t from = (start_us * rate_hz + 500000) / 1000000;
            int64_t to = (end_us * rate_hz + 500000) / 1000000;
            assert_int_equal(count, KN_MIN(to, whole_count) - from);
            double best = 1e9;
            for (int shift = -cases[i].shift; shift <= cases[i].shift; shift++)
                if (from + shift >= 0 && from + shift + count <= whole_count)
                    best = fmin(best, difference(span, whole, from + shift, count, channels));
            if (best > cases[i].slack)
                fail_msg("%s at %d Hz from %.3f s: differs by %g", cases[i].name, rate_hz,
                         (double)start_us / 1e6, best);
            free(span);
        }
        free(whole);
    }
    kn_arena_free(arena);
}

static void late_sound_starts_with_silence(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mkv");
    make_media("-f lavfi -i testsrc2=s=64x64:r=25:d=4 -itsoffset 1.5 -f lavfi -i "
               "sine=1000:d=2.5:r=48000 -c:v mpeg4 -c:a pcm_s16le %s",
               path);
    struct kn_source source = probed(arena, path);
    static const int64_t starts_us[] = {0, 1000000, 1400000, 1700000};
    for (size_t s = 0; s < KN_COUNT_OF(starts_us); s++) {
        float *samples;
        int64_t damaged_us;
        int count = read_span(&source, 48000, 1, starts_us[s], -1, &samples, &damaged_us);
        int begins = (int)((1500000 - starts_us[s]) * 48 / 1000);
        assert_int_equal(damaged_us, 0);
        for (int i = 0; i < KN_MIN(begins - 100, count); i++)
            if (samples[i] != 0.0f)
                fail_msg("from %lld us: sample %d is not silent", (long long)starts_us[s], i);
        double sum = 0.0;
        for (int i = KN_MAX(begins, 0); i < count; i++)
            sum += samples[i] * samples[i];
        assert_true(sqrt(sum / (count - KN_MAX(begins, 0))) > 0.08);
        assert_in_range(count, (4000000 - starts_us[s]) * 48 / 1000 - 2000,
                        (4000000 - starts_us[s]) * 48 / 1000);
        free(samples);
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void gaps_become_silence_and_are_counted(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.mkv");
    make_media("-f lavfi -i sine=1000:d=4:r=48000 -af aselect='lt(t,1)+gt(t,2)' -c:a pcm_s16le "
               "-fps_mode passthrough %s",
               path);
    struct kn_source source = probed(arena, path);
    float *samples;
    int64_t damaged_us;
    int count = read_span(&source, 48000, 1, 0, -1, &samples, &damaged_us);
    assert_in_range(count, 4 * 48000 - 2400, 4 * 48000);
    assert_in_range(damaged_us, 950000, 1050000);
    double sum = 0.0;
    for (int i = 48000 + 4800; i < 2 * 48000 - 4800; i++)
        sum += fabsf(samples[i]);
    assert_true(sum < 1e-6);
    free(samples);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void mixing_down_never_clips(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *path = kn_path_join(arena, folder, "x.wav");
    static const struct {
        const char *layout; /* "24c": channels without names */
        int channels;
    } layouts[] = {{"mono", 1}, {"stereo", 2}, {"5.1", 6}, {"7.1", 8}, {"quad", 4}, {"24c", 24}};
    for (size_t i = 0; i < KN_COUNT_OF(layouts); i++) {
        KN_SCOPED_STR same = {0};
        for (int c = 0; c < layouts[i].channels; c++)
            kn_str_add(&same, c ? "|0.99*sin(440*2*PI*t)" : "0.99*sin(440*2*PI*t)");
        make_media("-f lavfi -i aevalsrc=exprs=%s:d=0.5:s=48000:c=%s -c:a pcm_s16le %s",
                   kn_str_text(&same), layouts[i].layout, path);
        struct kn_source source = probed(arena, path);
        for (int channels = 1; channels <= 2; channels++) {
            float *samples;
            int count = read_span(&source, 48000, channels, 0, -1, &samples, NULL);
            float peak = 0.0f;
            for (int k = 0; k < count * channels; k++)
                peak = fmaxf(peak, fabsf(samples[k]));
            if (!(peak <= 1.0f && peak > 0.1f))
                fail_msg("%s to %d channels: peak %g", layouts[i].layout, channels, (double)peak);
            free(samples);
        }
    }
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void a_change_of_rate_in_the_middle_keeps_time(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    const char *parts[2] = {kn_path_join(arena, folder, "a.ts"),
                            kn_path_join(arena, folder, "b.ts")};
    const char *path = kn_path_join(arena, folder, "x.ts");
    make_media("-f lavfi -i sine=1000:d=2:r=48000 -c:a aac -ac 2 -pes_payload_size 0 %s", parts[0]);
    make_media("-f lavfi -i sine=1000:d=2:r=22050 -c:a aac -ac 1 -pes_payload_size 0 "
               "-output_ts_offset 2 %s",
               parts[1]);
    KN_SCOPED_STR joined = {0};
    for (int i = 0; i < 2; i++) {
        char *data;
        size_t size;
        assert_int_equal(kn_file_read(parts[i], 1 << 20, &data, &size, NULL), KN_OK);
        kn_str_add_bytes(&joined, data, size);
        free(data);
    }
    assert_int_equal(kn_file_write(path, joined.at, joined.length, NULL), KN_OK);
    struct kn_source source = probed(arena, path);
    float *samples;
    int count = read_span(&source, 48000, 1, 0, -1, &samples, NULL);
    assert_true(count > 3 * 48000);
    /* 1 kHz all along: about 2000 zero crossings a second in both halves. */
    for (int half = 0; half < 2; half++) {
        int crossings = 0, from = half ? count - 48000 : 24000;
        for (int i = from; i < from + 24000; i++)
            crossings += (samples[i] < 0) != (samples[i + 1] < 0);
        assert_in_range(crossings, 990, 1010);
    }
    free(samples);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(clicks_are_where_they_were),
        cmocka_unit_test(random_access_equals_a_whole_read),
        cmocka_unit_test(late_sound_starts_with_silence),
        cmocka_unit_test(gaps_become_silence_and_are_counted),
        cmocka_unit_test(mixing_down_never_clips),
        cmocka_unit_test(a_change_of_rate_in_the_middle_keeps_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
