/* The sandbox's rules as functions: schemas, files of sound, chance, limits, transcripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "sandbox/faults.h"
#include "sandbox/image_file.h"
#include "sandbox/latency.h"
#include "sandbox/rates.h"
#include "sandbox/schema.h"
#include "sandbox/sound_file.h"
#include "sandbox/spoken.h"
#include "sandbox/transcriptions.h"

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!json)
        fail_msg("no JSON: %s", text);
    return json;
}

/* ---- schemas ---- */

#define OBJECT(properties, required)                                                               \
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" properties              \
    "},\"required\":[" required "]}"
#define ONE(schema) OBJECT("\"a\":" schema, "\"a\"")

static void strict_schemas_are_a_subset(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *says; /* NULL: it is fine */
    } cases[] = {
        {ONE("{\"type\":\"string\"}"), NULL},
        {ONE("{\"type\":[\"string\",\"null\"],\"pattern\":\"^a\"}"), NULL},
        {ONE("{\"anyOf\":[{\"type\":\"number\",\"minimum\":0},{\"type\":\"null\"}]}"), NULL},
        {ONE("{\"type\":\"array\",\"minItems\":1,\"items\":" ONE("{\"type\":\"integer\"}") "}"),
         NULL},
        {ONE("{\"enum\":[\"x\",1]}"), NULL},
        {"{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"next\"],"
         "\"properties\":{\"next\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}}}",
         NULL},
        {"{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"a\"],\"properties\":"
         "{\"a\":{\"$ref\":\"#/$defs/d\"}},\"$defs\":{\"d\":{\"type\":\"string\"}}}",
         NULL},
        {"{\"type\":\"string\"}", "of type \"object\""},
        {"{\"anyOf\":[]}", "anyOf"},
        {"{\"type\":\"object\",\"properties\":{},\"required\":[]}", "additionalProperties"},
        {"{\"type\":\"object\",\"properties\":{},\"required\":[],\"additionalProperties\":true}",
         "additionalProperties"},
        {"{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}", "'required'"},
        {OBJECT("\"a\":{\"type\":\"string\"}", ""), "lacks 'a'"},
        {OBJECT("", "\"a\""), "no property"},
        {ONE("{}"), "'type' key"},
        {ONE("{\"type\":\"text\"}"), "no such type"},
        {ONE("{\"type\":\"array\"}"), "missing items"},
        {ONE("{\"type\":\"string\",\"minLength\":1}"), "'minLength' is not permitted"},
        {ONE("{\"type\":\"string\",\"default\":\"\"}"), "'default' is not permitted"},
        {ONE("{\"allOf\":[{\"type\":\"string\"}]}"), "'allOf' is not permitted"},
        {ONE("{\"not\":{\"type\":\"string\"}}"), "'not' is not permitted"},
        {ONE("{\"type\":\"string\",\"enum\":[]}"), "'enum'"},
        {ONE("{\"$ref\":\"#/$defs/none\"}"), "points nowhere"},
        {ONE("{\"$ref\":\"http://example.com/\"}"), "points nowhere"},
        {ONE("{\"type\":\"object\",\"properties\":{}}"), "'properties', 'a'"},
        {ONE(ONE(ONE(ONE(ONE(ONE(ONE(ONE(ONE(ONE(ONE("{\"type\":\"null\"}"))))))))))),
         "more than 10 levels"},
    };
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        KN_SCOPED_JSON schema = parse(cases[c].schema);
        struct kn_rejection rejection = {0};
        bool fine = kn_schema_check_strict(schema, "x", &rejection);
        if (fine != !cases[c].says || (!fine && !strstr(rejection.message, cases[c].says)))
            fail_msg("case %d: %s", (int)c, rejection.message);
        if (!fine) {
            assert_int_equal(rejection.status, 400);
            assert_string_equal(rejection.param, "response_format");
            assert_non_null(strstr(rejection.message, "Invalid schema for response_format 'x'"));
        }
    }
}

static void values_are_checked_against_schemas(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *value;
        bool fits;
    } cases[] = {
        {"{\"type\":\"integer\"}", "3", true},
        {"{\"type\":\"integer\"}", "3.5", false},
        {"{\"type\":\"number\",\"minimum\":0,\"maximum\":1}", "1", true},
        {"{\"type\":\"number\",\"minimum\":0,\"maximum\":1}", "1.1", false},
        {"{\"type\":\"number\",\"exclusiveMinimum\":0}", "0", false},
        {"{\"type\":\"number\",\"multipleOf\":0.5}", "1.5", true},
        {"{\"type\":\"number\",\"multipleOf\":0.5}", "1.6", false},
        {"{\"type\":[\"string\",\"null\"]}", "null", true},
        {"{\"type\":[\"string\",\"null\"]}", "1", false},
        {"{\"type\":\"string\",\"pattern\":\"^#[a-z]+$\"}", "\"#a\"", true},
        {"{\"type\":\"string\",\"pattern\":\"^#[a-z]+$\"}", "\"a\"", false},
        {"{\"type\":\"string\",\"pattern\":\"^\\\\d{2}$\"}", "\"12\"", true},
        {"{\"type\":\"string\",\"pattern\":\"((a{1,255}){1,255}){1,255}\"}", "\"a\"", false},
        {"{\"enum\":[1,\"a\"]}", "\"a\"", true},
        {"{\"enum\":[1,\"a\"]}", "2", false},
        {"{\"const\":7}", "7", true},
        {ONE("{\"type\":\"string\"}"), "{\"a\":\"\"}", true},
        {ONE("{\"type\":\"string\"}"), "{}", false},
        {ONE("{\"type\":\"string\"}"), "{\"a\":\"\",\"b\":1}", false},
        {"{\"type\":\"array\",\"maxItems\":1,\"items\":{\"type\":\"null\"}}", "[null,null]", false},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "3", false},
        {"{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", "3", false}, /* and it ends */
    };
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        KN_SCOPED_JSON schema = parse(cases[c].schema);
        KN_SCOPED_JSON value = parse(cases[c].value);
        if (kn_schema_valid(schema, value, NULL) != cases[c].fits)
            fail_msg("case %d", (int)c);
    }
}

static json_t *make(const char *schema_text, const char *prompt, int images)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_prompt_facts facts;
    struct kn_chance chance = kn_chance_of(1, 2, 3, "test");
    KN_SCOPED_JSON schema = parse(schema_text);
    kn_prompt_facts_read(prompt, images, arena, &facts);
    json_t *value = kn_schema_make(schema, &facts, &chance);
    if (value && !kn_schema_valid(schema, value, NULL)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        fail_msg("%s does not fit %s", text, schema_text);
    }
    kn_arena_free(arena);
    return value;
}

static void made_values_fit(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        ONE("{\"type\":\"string\"}"),
        ONE("{\"type\":\"string\",\"format\":\"date-time\"}"),
        ONE("{\"type\":\"string\",\"pattern\":\"^#[A-Za-z]+$\"}"),
        ONE("{\"type\":\"string\",\"minLength\":200,\"maxLength\":210}"),
        ONE("{\"type\":\"string\",\"maxLength\":3}"),
        ONE("{\"type\":\"integer\",\"minimum\":5,\"maximum\":5}"),
        ONE("{\"type\":\"integer\",\"exclusiveMinimum\":5,\"multipleOf\":4}"),
        ONE("{\"type\":\"number\",\"minimum\":-2,\"maximum\":-1}"),
        ONE("{\"type\":\"number\",\"minimum\":0,\"maximum\":10,\"multipleOf\":0.25}"),
        ONE("{\"type\":[\"integer\",\"null\"]}"),
        ONE("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"boolean\"}]}"),
        ONE("{\"type\":\"array\",\"minItems\":7,\"maxItems\":9,\"items\":{\"enum\":[1,2]}}"),
        ONE("{\"const\":{\"deep\":[1]}}"),
        ONE(ONE(ONE(ONE(ONE(ONE(ONE("{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"))))))),
        OBJECT("\"next\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", "\"next\""),
    };
    for (size_t c = 0; c < KN_COUNT_OF(schemas); c++) {
        KN_SCOPED_JSON value = make(schemas[c], "Wörter 世界, id 3 at 4.5 s", 0);
        if (!value)
            fail_msg("case %d: nothing was made", (int)c);
    }
    /* Marks are characters of their own. */
    KN_SCOPED_JSON thai = make(ONE("{\"type\":\"string\",\"maxLength\":4}"), "ที่นี่มีน้ำ ผู้ที่รู้ ที่นั่น", 0);
    assert_non_null(thai);
    assert_int_equal(kn_utf8_count(json_string_value(json_object_get(thai, "a"))), 4);
    /* What cannot be made is said, and soon. */
    assert_null(make(ONE("{\"type\":\"string\",\"pattern\":\"^zz9[0-9]{5}$\"}"), "", 0));
    assert_null(make(ONE("{\"$ref\":\"#\"}"), "", 0));
    assert_null(make("{\"type\":\"array\",\"minItems\":1000,\"items\":{\"$ref\":\"#\"}}", "", 0));
}

static double number_in(const json_t *json, const char *key)
{
    return json_number_value(json_object_get(json, key));
}

/* Segments name lines that there are, and end behind where they begin. */
static void made_values_come_from_the_prompt(void **state)
{
    (void)state;
    static const char lines[] = "[0] 0.0-4.1 So this is how it went.\n[1] 4.4-9.0 Nobody knew.\n"
                                "[2] 9.2-12.9 Then I looked.\n[3] 13.1-19.0 It was gone.\n"
                                "[4] 19.5-24.0 All of it.\n[5] 24.1-30.0 Gone!\n"
                                "[6] 31.0-34.0 And then?\n[7] 34.5-40.0 We laughed.\n";
    static const char by_line[] = ONE("{\"type\":\"array\",\"items\":" OBJECT(
        "\"first_line\":{\"type\":\"integer\"},\"last_line\":{\"type\":\"integer\"},"
        "\"title\":{\"type\":\"string\"}",
        "\"first_line\",\"last_line\",\"title\"") "}");
    static const char by_time[] = ONE("{\"type\":\"array\",\"items\":" OBJECT(
        "\"start\":{\"type\":\"number\"},\"end\":{\"type\":\"number\"}", "\"start\",\"end\"") "}");
    static const char by_frame[] = ONE("{\"type\":\"array\",\"items\":" OBJECT(
        "\"frame\":{\"type\":\"integer\"},\"time\":{\"type\":\"number\"}",
        "\"frame\",\"time\"") "}");
    KN_SCOPED_JSON lined = make(by_line, lines, 0);
    KN_SCOPED_JSON timed = make(by_time, lines, 0);
    KN_SCOPED_JSON framed = make(by_frame, "Frame 3, time 12.5\nFrame 4, time 17.25", 2);
    const json_t *one = json_array_get(json_object_get(lined, "a"), 0);
    assert_true(number_in(one, "first_line") >= 0);
    assert_true(number_in(one, "last_line") > number_in(one, "first_line"));
    assert_true(number_in(one, "last_line") <= 7);
    one = json_array_get(json_object_get(timed, "a"), 0);
    assert_true(number_in(one, "end") - number_in(one, "start") >= 15);
    assert_true(number_in(one, "end") <= 40);
    assert_int_equal(json_array_size(json_object_get(framed, "a")), 2);
    one = json_array_get(json_object_get(framed, "a"), 1);
    assert_true(number_in(one, "frame") == 4);
    assert_true(number_in(one, "time") == 17.25);
    KN_SCOPED_JSON pictured = make(by_frame, "Picture 1, at 0:12.5:\nPicture 2, at 1:00.0:", 2);
    one = json_array_get(json_object_get(pictured, "a"), 1);
    assert_true(number_in(one, "frame") == 2);
    assert_true(number_in(one, "time") == 60);
    /* By the lines' own times, where they tell them. */
    KN_SCOPED_JSON clocked = make(by_line,
                                  "Choose the first 3, from 15 to 60 seconds.\n"
                                  "1 [0:00.0] line 7 is\n2 [0:11.0] one\n3 [0:24.0] two\n"
                                  "* [0:26.0] picture\n4 [0:31.0] three\n5 [0:40.0] four\n",
                                  0);
    one = json_array_get(json_object_get(clocked, "a"), 0);
    assert_true(number_in(one, "first_line") == 1);
    assert_true(number_in(one, "last_line") == 3);
}

/* ---- sound and pictures ---- */

static void sounds_tell_their_length(void **state)
{
    (void)state;
    /* 16 kHz, blocks of 4096, 80,000 samples; the first frame's sync behind. */
    static const char flac[] =
        "fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x03\xe8\x00\xf0\x00\x01\x38"
        "\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xf8\x69\x08\0\0\0\0";
    struct kn_sound_facts facts;
    kn_sound_probe(flac, sizeof flac, &facts);
    assert_int_equal(facts.form, KN_SOUND_FLAC);
    assert_int_equal(facts.duration_us, 5000000);
    assert_false(facts.broken);
    for (size_t cut = 0; cut < sizeof flac; cut++) {
        char *copy = malloc(cut ? cut : 1); /* so that reading beyond is seen */
        memcpy(copy, flac, cut);
        kn_sound_probe(copy, cut, &facts);
        assert_true(cut > 43 || facts.broken || facts.form == KN_SOUND_UNKNOWN);
        free(copy);
    }
    static const struct {
        const char *name;
        enum kn_sound_form form;
        bool known, fits;
    } names[] = {
        {"a.flac", KN_SOUND_FLAC, true, true},    {"a.FLAC", KN_SOUND_FLAC, true, true},
        {"a.mp3", KN_SOUND_FLAC, true, false},    {"flac", KN_SOUND_FLAC, false, false},
        {"a.opus", KN_SOUND_OGG, false, false},   {"a.ogg", KN_SOUND_OGG, true, true},
        {"a.mpga", KN_SOUND_MP3, true, true},     {"a.b.webm", KN_SOUND_WEBM, true, true},
        {"a.wav", KN_SOUND_UNKNOWN, true, false},
    };
    for (size_t c = 0; c < KN_COUNT_OF(names); c++) {
        assert_int_equal(kn_sound_extension_known(names[c].name), names[c].known);
        assert_int_equal(kn_sound_extension_fits(names[c].name, names[c].form), names[c].fits);
    }
}

/* The heads that a fuzz target begins with: a file that a tool wrote, cut off. */
static void heads_of_other_sounds_tell_their_length(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum kn_sound_form form;
        int64_t duration_us;
    } cases[] = {
        {"mp3", KN_SOUND_MP3, 288000}, /* eight frames of 36 ms, the last one cut */
        {"ogg", KN_SOUND_OGG, 993500}, /* Opus: 48,000 less the 312 that are skipped */
        {"webm", KN_SOUND_WEBM, 12008000},
        {"flac", KN_SOUND_FLAC, 12000000},
    };
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        char path[PATH_MAX], *data;
        size_t size;
        struct kn_error err;
        struct kn_sound_facts facts;
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/sandbox/%s", getenv("KN_SOURCE_ROOT"),
                 cases[c].name);
        if (kn_file_read(path, 1 << 20, &data, &size, &err) != KN_OK)
            fail_msg("%s", err.text);
        kn_sound_probe(data + 1, size - 1, &facts); /* the first byte is the target's */
        free(data);
        if (facts.form != cases[c].form || facts.broken ||
            facts.duration_us != cases[c].duration_us)
            fail_msg("%s: form %d, broken %d, %lld us", cases[c].name, (int)facts.form,
                     facts.broken, (long long)facts.duration_us);
    }
    /* MP4: moov and in it mvhd, with a scale of 1000 and 12,000 ticks, 32 and 64 bits wide. */
    static const char narrow[] = "\0\0\0\x10"
                                 "ftypM4A \0\0\0\0"
                                 "\0\0\0\x24"
                                 "moov"
                                 "\0\0\0\x1c"
                                 "mvhd"
                                 "\0\0\0\0"
                                 "\0\0\0\0\0\0\0\0"
                                 "\0\0\x03\xe8"
                                 "\0\0\x2e\xe0";
    static const char wide[] = "\0\0\0\x10"
                               "ftypM4A \0\0\0\0"
                               "\0\0\0\x30"
                               "moov"
                               "\0\0\0\x28"
                               "mvhd"
                               "\1\0\0\0"
                               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                               "\0\0\x03\xe8"
                               "\0\0\0\0\0\0\x2e\xe0";
    struct kn_sound_facts facts;
    kn_sound_probe(narrow, sizeof narrow - 1, &facts);
    assert_int_equal(facts.form, KN_SOUND_MP4);
    assert_int_equal(facts.duration_us, 12000000);
    kn_sound_probe(wide, sizeof wide - 1, &facts);
    assert_int_equal(facts.duration_us, 12000000);
    assert_false(facts.broken);
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes; /* NULL: refused */
    } cases[] = {{"", NULL},           {"QQ==", "A"},    {"QUI=", "AB"},     {"QUJD", "ABC"},
                 {"QUJDRA==", "ABCD"}, {"QQ", NULL},     {"QQ=", NULL},      {"Q===", NULL},
                 {"QU JD", NULL},      {"QUJD\n", NULL}, {"QQ==QUJD", NULL}, {"QU-_", NULL}};
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        size_t size = 0;
        uint8_t *data = kn_base64_decode(cases[c].text, strlen(cases[c].text), &size);
        if (!!data != !!cases[c].bytes)
            fail_msg("case %d", (int)c);
        if (data) {
            assert_int_equal(size, strlen(cases[c].bytes));
            assert_memory_equal(data, cases[c].bytes, size);
        }
        free(data);
    }
}

static void pictures_cost_tokens(void **state)
{
    (void)state;
    const struct kn_image_facts wide = {.width_px = 2048, .height_px = 4096};
    const struct kn_image_facts square = {.width_px = 1024, .height_px = 1024};
    const struct kn_image_facts small = {.width_px = 512, .height_px = 288};
    assert_int_equal(kn_image_tokens(&square, "low", NULL), 85);
    assert_int_equal(kn_image_tokens(&square, "high", NULL), 765); /* the guide's examples */
    assert_int_equal(kn_image_tokens(&wide, "high", NULL), 1105);
    assert_int_equal(kn_image_tokens(&small, "auto", NULL), 255);
    const struct kn_models none = {0};
    struct kn_rejection rejection;
    static const struct {
        const char *model;
        int low, high; /* of 512 by 288 */
    } models[] = {{"gpt-4o", 85, 255},
                  {"gpt-4o-mini", 2833, 8500},
                  {"gpt-4.1-mini", 234, 234},
                  {"gpt-5", 70, 210}};
    for (size_t m = 0; m < KN_COUNT_OF(models); m++) {
        const struct kn_catalogue_model *model =
            kn_models_find(&none, models[m].model, false, &rejection);
        assert_int_equal(kn_image_tokens(&small, "low", model), models[m].low);
        assert_int_equal(kn_image_tokens(&small, "high", model), models[m].high);
    }
}

/* ---- chance ---- */

static void latencies_parse_and_have_their_mean(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double mean_s, least_s, most_s; /* most 0: any */
    } cases[] = {
        {"2", 2, 2, 2},
        {"500ms", 0.5, 0.5, 0.5},
        {"1.5s", 1.5, 1.5, 1.5},
        {"2±1", 2, 1, 3},
        {"2+-1", 2, 1, 3},
        {"200ms+-100ms", 0.2, 0.1, 0.3},
        {"exponential:2", 2, 0, 0},
        {"lognormal:2±1", 2, 0, 0},
    };
    static const char *const wrong[] = {"",
                                        "-1",
                                        "2±3",
                                        "soon",
                                        "2±",
                                        "±1",
                                        "1e9",
                                        "exponential:2±1",
                                        "lognormal:2",
                                        "lognormal:0±1",
                                        "nan",
                                        "2 s s"};
    struct kn_sandbox_latency latency;
    struct kn_error err;
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        assert_int_equal(kn_sandbox_latency_parse(cases[c].text, &latency, &err), KN_OK);
        enum { DRAWS = 20000 };
        double sum = 0;
        for (int i = 0; i < DRAWS; i++) {
            struct kn_chance chance = kn_chance_of(1, (uint64_t)i, 0, "latency");
            double s = (double)kn_sandbox_latency_draw(&latency, &chance) / 1e6;
            if (s < cases[c].least_s - 1e-5 || (cases[c].most_s && s > cases[c].most_s))
                fail_msg("%s: %f", cases[c].text, s);
            sum += s;
        }
        if (fabs(sum / DRAWS - cases[c].mean_s) > 0.05 * cases[c].mean_s)
            fail_msg("%s: mean %f", cases[c].text, sum / DRAWS);
    }
    for (size_t c = 0; c < KN_COUNT_OF(wrong); c++)
        if (kn_sandbox_latency_parse(wrong[c], &latency, &err) != KN_INVALID)
            fail_msg("“%s” is taken", wrong[c]);
}

static void faults_befall_those_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *befalls; /* of eight chats in a row: x or . */
    } cases[] = {
        {"500", "xxxxxxxx"},
        {"500,first=3", "xxx....."},
        {"500,after=6", "......xx"},
        {"500,every=3", "..x..x.."},
        {"500,after=2,first=2", "..xx...."},
        {"500,after=1,every=3,first=6", "...x..x."},
        {"500,path=chat", "xxxxxxxx"},
        {"500,path=transcriptions", "........"},
        {"refusal", "xxxxxxxx"},
        {"disorder", "........"},
        {"500,chance=1", "xxxxxxxx"},
    };
    static const char *const wrong[] = {
        "",        "501",          "500,first=0", "500,first",
        "500,x=1", "500,chance=2", "500,path=x",  "refusal,path=transcriptions",
        "500,"};
    struct kn_sandbox_fault fault;
    struct kn_error err;
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        struct kn_fault_rules rules;
        assert_int_equal(kn_sandbox_fault_parse(cases[c].rule, &fault, &err), KN_OK);
        kn_fault_rules_init(&rules, &fault, 1, NULL, 0);
        for (int i = 0; cases[c].befalls[i]; i++) {
            struct kn_chance chance = kn_chance_of(0, (uint64_t)i, 0, "fault");
            bool does = kn_fault_rules_draw(&rules, KN_SANDBOX_CHAT, &chance).kind != KN_FAULT_NONE;
            if (does != (cases[c].befalls[i] == 'x'))
                fail_msg("%s, request %d", cases[c].rule, i + 1);
        }
        kn_fault_rules_done(&rules);
    }
    for (size_t c = 0; c < KN_COUNT_OF(wrong); c++)
        if (kn_sandbox_fault_parse(wrong[c], &fault, &err) != KN_INVALID)
            fail_msg("“%s” is taken", wrong[c]);
    assert_int_equal(kn_sandbox_fault_parse("cut,chance=0.25", &fault, &err), KN_OK);
    struct kn_fault_rules rules;
    int count = 0;
    kn_fault_rules_init(&rules, &fault, 1, NULL, 0);
    for (int i = 0; i < 4000; i++) {
        struct kn_chance chance = kn_chance_of(0, (uint64_t)i, 0, "fault");
        count += kn_fault_rules_draw(&rules, KN_SANDBOX_CHAT, &chance).kind == KN_FAULT_CUT;
    }
    assert_in_range(count, 900, 1100);
    kn_fault_rules_done(&rules);
}

/* ---- limits ---- */

static int passes(struct kn_rates *limits, int tokens, int64_t now_us)
{
    struct kn_rates_view view;
    struct kn_rejection rejection;
    int count = 0;
    while (count < 100 && kn_rates_take(limits, "gpt-4o", tokens, now_us, &view, &rejection))
        count++;
    return count;
}

static void limits_are_exact(void **state)
{
    (void)state;
    struct kn_rates limits;
    struct kn_rates_view view;
    struct kn_rejection rejection = {0};
    kn_rates_init(&limits, 60, 0, 2);
    assert_int_equal(passes(&limits, 0, 0), 2);
    assert_int_equal(passes(&limits, 0, 999000), 0);
    assert_int_equal(passes(&limits, 0, 1000000), 1);
    assert_int_equal(passes(&limits, 0, 60000000), 2); /* no more than the burst */
    int total = 0; /* of ten minutes, however often it is tried */
    for (int64_t ms = 60000; ms < 660000; ms += 7)
        total += passes(&limits, 0, ms * 1000);
    assert_in_range(total, 598, 600);
    kn_rates_done(&limits);

    kn_rates_init(&limits, 0, 6000, 0);
    assert_int_equal(passes(&limits, 2500, 0), 2);
    assert_false(kn_rates_take(&limits, "gpt-4o", 2500, 0, &view, &rejection));
    assert_string_equal(rejection.type, "tokens");
    assert_int_equal(view.remaining_tokens, 1000);
    assert_int_equal(view.retry_us, 15000000); /* 1500 tokens at 100 a second */
    assert_true(kn_rates_take(&limits, "gpt-4o", 2500, 15000000, &view, &rejection));
    assert_true(kn_rates_take(&limits, "gpt-4o-mini", 2500, 15000000, &view, &rejection));
    assert_false(kn_rates_take(&limits, "gpt-4o", 6001, 90000000, &view, &rejection));
    assert_non_null(strstr(rejection.message, "too large"));
    kn_rates_done(&limits);
}

/* Names without a place of their own share one, which fills like any other. */
static void more_models_than_places_are_limited(void **state)
{
    (void)state;
    struct kn_rates limits;
    struct kn_rates_view view;
    struct kn_rejection rejection = {0};
    char name[32];
    kn_rates_init(&limits, 60, 0, 1);
    for (int m = 0; m < KN_RATES_MODELS_MAX; m++) {
        snprintf(name, sizeof name, "model-%d", m);
        assert_true(kn_rates_take(&limits, name, 0, 0, &view, &rejection));
    }
    assert_false(kn_rates_take(&limits, "one more", 0, 0, &view, &rejection));
    assert_true(kn_rates_take(&limits, "one more", 0, 1000000, &view, &rejection));
    assert_false(kn_rates_take(&limits, "another", 0, 1000000, &view, &rejection));
    assert_true(kn_rates_take(&limits, "model-0", 0, 1000000, &view, &rejection));
    kn_rates_done(&limits);
}

static void durations_are_written_as_the_service_does(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{0, "0s"},         {1, "1ms"},          {12000, "12ms"},      {1000000, "1s"},
                 {1500000, "1.5s"}, {360000000, "6m0s"}, {61250000, "1m1.25s"}};
    char text[KN_GO_DURATION_BYTES];
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++)
        assert_string_equal(kn_go_duration(cases[c].us, text), cases[c].text);
}

/* ---- transcripts ---- */

static void names_of_pieces_tell_their_time(void **state)
{
    (void)state;
    assert_int_equal(kn_piece_start_us("piece-000123456.flac"), 123456000);
    assert_int_equal(kn_piece_start_us("piece-000000000.ogg"), 0);
    assert_int_equal(kn_piece_start_us("talk.flac"), -1);
    assert_int_equal(kn_piece_start_us("talk-12.flac"), -1);
    assert_int_equal(kn_piece_start_us("piece-000123456x.flac"), -1);
    assert_int_equal(kn_piece_start_us("piece-0000000000000123.flac"), -1);
}

static void transcripts_are_read(void **state)
{
    (void)state;
    static const char timeline[] = "{\"kirinuki_timeline\":1,\"language\":\"ja\",\"words\":["
                                   "{\"start_us\":0,\"end_us\":400000,\"text\":\"今日\"},"
                                   "{\"start_us\":400000,\"end_us\":900000,\"text\":\"は。\"}]}";
    static const char *const wrong[] = {"",
                                        "{}",
                                        "{\"words\":[{}]}",
                                        "no times here",
                                        "\xff\xfe",
                                        "1\n00:00:99,000 --> 00:00:01,000\nx\n"};
    struct kn_arena *arena = kn_arena_new();
    struct kn_spoken spoken;
    struct kn_error err;
    KN_SCOPED_STR text = {0};
    assert_int_equal(kn_spoken_read("t", timeline, strlen(timeline), arena, &spoken, &err), KN_OK);
    kn_spoken_text(&spoken, 0, spoken.count, &text);
    assert_string_equal(text.at, "今日は。");
    assert_string_equal(spoken.language, "japanese");
    for (size_t c = 0; c < KN_COUNT_OF(wrong); c++)
        if (kn_spoken_read("t", wrong[c], strlen(wrong[c]), arena, &spoken, &err) != KN_INVALID)
            fail_msg("case %d is taken", (int)c);
    kn_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_schemas_are_a_subset),
        cmocka_unit_test(values_are_checked_against_schemas),
        cmocka_unit_test(made_values_fit),
        cmocka_unit_test(made_values_come_from_the_prompt),
        cmocka_unit_test(sounds_tell_their_length),
        cmocka_unit_test(heads_of_other_sounds_tell_their_length),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(pictures_cost_tokens),
        cmocka_unit_test(latencies_parse_and_have_their_mean),
        cmocka_unit_test(faults_befall_those_they_name),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(more_models_than_places_are_limited),
        cmocka_unit_test(durations_are_written_as_the_service_does),
        cmocka_unit_test(names_of_pieces_tell_their_time),
        cmocka_unit_test(transcripts_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
