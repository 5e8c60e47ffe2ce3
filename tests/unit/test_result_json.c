#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "pipeline/result_json.h"

static const struct kn_note notes[] = {{"no faces were looked for"}};
static const struct kn_timeline timeline = {
    .source = {.path = "caf\xe9 </script>.mp4",
               .hash = "00",
               .container = "mov,mp4",
               .size_bytes = INT64_C(5000000000),
               .duration_us = 600123456,
               .has_video = true,
               .video_codec = "h264",
               .width_px = 1920,
               .height_px = 1080,
               .frame_rate = {30000, 1001},
               .has_audio = true,
               .audio_codec = "aac",
               .sample_rate_hz = 44100,
               .channels = 2},
    .language = "en",
    .note_count = 1,
    .notes = notes,
    .sound = {.count = 1, .integrated_lufs = -70, .true_peak_dbtp = -INFINITY},
};
static const int64_t boundaries[] = {60000000, 180500000};
static const struct kn_segment segment = {
    .start_us = 1234567,
    .end_us = 31234567,
    .score = 87.654f,
    .title = "A “title” \x80",
    .feature_count = 1,
    .features = {{"hook", 0.5f, 0.25f}},
    .evidence_count = 1,
    .evidence = {{"hook", 1300000, "opens with a question"}},
};
static const struct kn_segments segments = {
    .count = 1,
    .segments = &segment,
    .boundary_count = 2,
    .boundaries_us = boundaries,
};
static const struct kn_frame_key key = {
    1234567, true, KN_LAYOUT_FILL, 1, {{656.25, 0, 607.5, 1080}}};
static const struct kn_clip clips[] = {
    {.status = KN_OK,
     .duration_us = 30000000,
     .file_count = 1,
     .files = {{.aspect = KN_ASPECT_9_16,
                .path = "01-a.mp4",
                .width_px = 1080,
                .height_px = 1920,
                .frames = 900,
                .framing = {KN_ASPECT_9_16, 1, &key}}},
     .loudness_lufs = -14.02,
     .true_peak_dbtp = -INFINITY,
     .srt = "01-a.srt"},
    {.status = KN_NO_SPACE, .error = "the disk is full"},
    {.status = KN_OK,
     .start_us = 2500000,
     .file_count = 1,
     .files = {{.path = "03-c.mp4",
                .width_px = 1280,
                .height_px = 720,
                .frames = 900,
                .copied = true,
                .copied_frames = 700}}},
};
static const struct kn_named_text options[] = {{"clips", "2"}};
static const struct kn_step_time times[] = {{"listen", "utterance 1", "cpu", 1, 5, 900000, KN_OK}};
static const struct kn_result result = {
    .version = "0.1",
    .created = "2026-11-27T20:14:47Z",
    .timeline = &timeline,
    .segments = &segments,
    .clip_count = KN_COUNT_OF(clips),
    .failed = 1,
    .clips = clips,
    .transcript = "transcript.srt",
    .option_count = 1,
    .options = options,
    .step_time_count = 1,
    .step_times = times,
    .wall_us = 1500000,
};

/* ---- as much of JSON Schema as docs/result.schema.json uses ---- */

static bool has_type(const json_t *value, const char *type)
{
    return strcmp(type, "object") == 0    ? json_is_object(value)
           : strcmp(type, "array") == 0   ? json_is_array(value)
           : strcmp(type, "string") == 0  ? json_is_string(value)
           : strcmp(type, "integer") == 0 ? json_is_integer(value)
           : strcmp(type, "number") == 0  ? json_is_number(value)
           : strcmp(type, "boolean") == 0 ? json_is_boolean(value)
           : strcmp(type, "null") == 0    ? json_is_null(value)
                                          : false;
}

static bool has_one_of_types(const json_t *value, json_t *types)
{
    if (json_is_string(types))
        return has_type(value, json_string_value(types));
    size_t i;
    json_t *type;
    json_array_foreach(types, i, type) if (has_type(value, json_string_value(type))) return true;
    return false;
}

static bool is_listed(json_t *value, json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) if (json_equal(item, value)) return true;
    return false;
}

static void validate(json_t *value, json_t *schema, const char *where)
{
    json_t *types = json_object_get(schema, "type"), *list = json_object_get(schema, "enum");
    if (types && !has_one_of_types(value, types))
        fail_msg("%s has the wrong type", where);
    if (list && !is_listed(value, list))
        fail_msg("%s is not one of the allowed values", where);
    size_t i;
    const char *name;
    json_t *item, *required = json_object_get(schema, "required");
    json_array_foreach(required, i, item) if (!json_object_get(value, json_string_value(item)))
        fail_msg("%s lacks %s", where, json_string_value(item));
    json_t *properties = json_object_get(schema, "properties");
    if (properties) {
        json_object_foreach(value, name, item)
        {
            json_t *known = json_object_get(properties, name);
            if (!known)
                fail_msg("%s.%s is not in the schema", where, name);
            validate(item, known, name);
        }
    }
    json_t *items = json_object_get(schema, "items");
    if (items) {
        json_array_foreach(value, i, item) validate(item, items, where);
    }
}

static json_t *read_schema(void)
{
    const char *root = getenv("KN_SOURCE_ROOT");
    char path[4096];
    snprintf(path, sizeof path, "%s/docs/result.schema.json", root ? root : ".");
    json_error_t why;
    json_t *schema = json_load_file(path, 0, &why);
    if (!schema)
        fail_msg("%s: %s", path, why.text);
    return schema;
}

static void the_result_follows_its_schema(void **state)
{
    (void)state;
    KN_SCOPED_STR text = {0};
    kn_result_write_json(&result, false, &text);
    KN_SCOPED_JSON written = json_loads(text.at, JSON_REJECT_DUPLICATES, NULL);
    KN_SCOPED_JSON schema = read_schema();
    assert_non_null(written);
    validate(written, schema, "result");
}

static void values_survive(void **state)
{
    (void)state;
    KN_SCOPED_STR text = {0};
    kn_result_write_json(&result, true, &text);
    assert_null(strchr(text.at, '\n'));
    KN_SCOPED_JSON written = json_loads(text.at, 0, NULL);
    assert_non_null(written);
    json_t *first = json_array_get(json_object_get(written, "segments"), 0);
    assert_true(json_real_value(json_object_get(first, "start")) == 1.234567);
    assert_string_equal(json_string_value(json_object_get(first, "title")), "A “title” �");
    json_t *source = json_object_get(written, "source");
    assert_int_equal(json_integer_value(json_object_get(source, "size_bytes")), 5000000000);
    assert_string_equal(json_string_value(json_object_get(source, "path")), "caf� </script>.mp4");
    json_t *clip = json_array_get(json_object_get(written, "clips"), 0);
    assert_true(json_is_null(json_object_get(clip, "true_peak_dbtp")));
    json_t *broken = json_array_get(json_object_get(written, "clips"), 1);
    assert_string_equal(json_string_value(json_object_get(broken, "status")), "NO_SPACE");
    json_t *copied = json_array_get(json_object_get(written, "clips"), 2);
    assert_true(json_real_value(json_object_get(copied, "start")) == 2.5);
    json_t *file = json_array_get(json_object_get(copied, "files"), 0);
    assert_string_equal(json_string_value(json_object_get(file, "aspect")), "source");
    assert_int_equal(json_integer_value(json_object_get(file, "copied_frames")), 700);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_result_follows_its_schema),
        cmocka_unit_test(values_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
