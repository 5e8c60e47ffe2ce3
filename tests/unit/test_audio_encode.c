/* Sound as a small file in memory: what comes out of it again is what went in. */
#include "speech_support.h"

#include "media/audio_encode.h"

enum { RATE_HZ = 16000, SECONDS = 3 };

/* A voice, more or less: harmonics that come and go, with breath between. */
static float *voice(int count)
{
    float *samples = kn_calloc((size_t)count, sizeof *samples);
    uint32_t noise = 1;
    for (int i = 0; i < count; i++) {
        double t = (double)i / RATE_HZ, loud = 0.3 * fmax(0, sin(t * 9));
        noise = noise * 1664525 + 1013904223;
        for (int h = 1; h < 8; h++)
            samples[i] += (float)(loud / h * sin(t * 2 * 3.14159265 * 140 * h));
        samples[i] += (float)((int32_t)noise >> 16) * 2e-8F;
    }
    return samples;
}

static void the_file_holds_the_same_sound(void **state)
{
    (void)state;
    enum { COUNT = RATE_HZ * SECONDS + 123 };
    struct kn_arena *arena = kn_arena_new();
    const char *folder = temp_folder(arena);
    float *samples = voice(COUNT);
    size_t sizes[KN_AUDIO_FILE_COUNT];
    for (int kind = 0; kind < KN_AUDIO_FILE_COUNT; kind++) {
        void *data, *again;
        size_t again_size;
        struct kn_error err = {0};
        const char *path =
            kn_path_join(arena, folder, kn_arena_printf(arena, "x.%s", kn_audio_file_ending(kind)));
        if (kn_audio_encode(samples, COUNT, RATE_HZ, kind, &data, &sizes[kind], &err) != KN_OK)
            fail_msg("%s", err.text);
        assert_int_equal(kn_file_write(path, data, sizes[kind], NULL), KN_OK);
        struct sound sound = read_sound(arena, path);
        assert_int_equal(sound.count, COUNT); /* the header tells how long it is */
        for (int i = 0; i < COUNT; i++)
            if (fabsf(sound.samples[i] - samples[i]) > 0.51F / 32768)
                fail_msg("%s: sample %d is %f and was %f", path, i, (double)sound.samples[i],
                         (double)samples[i]);
        assert_int_equal(kn_audio_encode(samples, COUNT, RATE_HZ, kind, &again, &again_size, NULL),
                         KN_OK);
        assert_int_equal(again_size, sizes[kind]);
        assert_memory_equal(again, data, again_size);
        free(data);
        free(again);
    }
    assert_int_equal(sizes[KN_AUDIO_WAV], 44 + 2 * COUNT);
    assert_true(sizes[KN_AUDIO_FLAC] < sizes[KN_AUDIO_WAV] * 7 / 10);
    free(samples);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

static void samples_out_of_range_are_clipped(void **state)
{
    (void)state;
    const float samples[] = {2, -2, 1, -1, NAN, INFINITY, -INFINITY, 0};
    const int16_t expected[] = {32767, -32768, 32767, -32768, 0, 32767, -32768, 0};
    void *data;
    size_t size;
    assert_int_equal(kn_audio_encode(samples, 8, RATE_HZ, KN_AUDIO_WAV, &data, &size, NULL), KN_OK);
    assert_int_equal(size, 44 + 16);
    assert_memory_equal((char *)data + 44, expected, 16);
    free(data);
}

static void lengths_have_ends(void **state)
{
    (void)state;
    for (int kind = 0; kind < KN_AUDIO_FILE_COUNT; kind++) {
        void *data;
        size_t size;
        float one = 0.5F;
        struct kn_error err = {0};
        assert_int_equal(kn_audio_encode(&one, 1, RATE_HZ, kind, &data, &size, &err), KN_OK);
        assert_true(size > 40);
        free(data);
        assert_int_equal(kn_audio_encode(&one, 0, RATE_HZ, kind, &data, &size, &err), KN_OK);
        free(data);
        assert_int_equal(kn_audio_encode(&one, 3600 * RATE_HZ, RATE_HZ, kind, &data, &size, &err),
                         KN_LIMIT);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_holds_the_same_sound),
        cmocka_unit_test(samples_out_of_range_are_clipped),
        cmocka_unit_test(lengths_have_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
