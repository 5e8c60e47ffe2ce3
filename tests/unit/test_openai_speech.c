/* The engine "openai": what it asks, and what it makes of each dialect's answer. */
#include "service_support.h"

#include <math.h>

#include "ai/engine.h"
#include "ai/speech_answer.h"
#include "base/str.h"

enum { RATE_HZ = 16000, LONG_S = 12 };

static float *sound; /* LONG_S of it */

static struct kn_chunk chunk_of(int seconds)
{
    if (!sound) {
        sound = kn_calloc(RATE_HZ * LONG_S, sizeof *sound);
        for (int i = 0; i < RATE_HZ * LONG_S; i++)
            sound[i] = 0.2F * sinf((float)i * 0.05F);
    }
    return (struct kn_chunk){.samples = sound, .count = RATE_HZ * seconds};
}

static enum kn_status run(struct fake *fake, const char *model, const struct kn_chunk *chunk,
                          struct kn_arena *arena, struct kn_findings *findings,
                          struct kn_error *err)
{
    struct kn_engine_settings settings = {.service = fake->service, .model = model};
    KN_SCOPED(kn_engine) engine = kn_engine_acquire(&kn_engine_openai, &settings);
    *findings = (struct kn_findings){0};
    return kn_engine_run(engine, chunk, NULL, arena, findings, err);
}

/* ---- asking ---- */

/* The values of a field, with ' ' between; in `arena`. */
static const char *field(struct kn_arena *arena, const struct fake_request *request,
                         const char *name)
{
    const char *all = "";
    for (int i = 0; i < request->part_count; i++)
        if (strcmp(request->parts[i].name, name) == 0)
            all = kn_arena_printf(arena, "%s%s%s", all, all[0] ? " " : "",
                                  (const char *)request->parts[i].data);
    return all;
}

static void models_are_asked_for_what_they_have(void **state)
{
    struct fake *fake = *state;
    static const struct {
        const char *model, *sent, *format, *times, *chunking;
    } cases[] = {
        {NULL, "whisper-1", "verbose_json", "word segment", ""},
        {"whisper-large-v3", "whisper-large-v3", "verbose_json", "word segment", ""},
        {"ggml-base", "ggml-base", "verbose_json", "word segment", ""},
        {"gpt-4o-transcribe", "gpt-4o-transcribe", "json", "", ""},
        {"gpt-4o-mini-transcribe-2025-12-15", "gpt-4o-mini-transcribe-2025-12-15", "json", "", ""},
        {"gpt-transcribe", "gpt-transcribe", "json", "", ""},
        {"gpt-4o-transcribe-diarize", "gpt-4o-transcribe-diarize", "json", "", "auto"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_arena *arena = kn_arena_new();
        struct kn_chunk chunk = chunk_of(2);
        struct kn_findings findings;
        struct kn_error err = {0};
        chunk.start_us = 83456789;
        chunk.language = "ja-JP";
        fake_script(fake, fake->script, fake->script_count);
        if (run(fake, cases[i].model, &chunk, arena, &findings, &err) != KN_OK)
            fail_msg("%s", err.text);
        const struct fake_request *r = &fake->requests[0];
        assert_string_equal(r->method, "POST");
        assert_string_equal(r->path, "/v1/audio/transcriptions");
        assert_string_equal(r->filename, "piece-000083456.flac");
        assert_string_equal(field(arena, r, "model"), cases[i].sent);
        assert_string_equal(field(arena, r, "response_format"), cases[i].format);
        assert_string_equal(field(arena, r, "timestamp_granularities[]"), cases[i].times);
        assert_string_equal(field(arena, r, "chunking_strategy"), cases[i].chunking);
        assert_string_equal(field(arena, r, "language"), "ja");
        assert_string_equal(field(arena, r, "temperature"), "0");
        assert_true(strncmp(field(arena, r, "file"), "fLaC", 4) == 0);
        assert_string_equal(r->parts[0].name, "file");
        assert_string_equal(r->parts[0].content_type, "audio/flac");
        assert_string_equal(findings.text, "Hello.");
        assert_int_equal(findings.word_count, 0);
        kn_arena_free(arena);
    }
}

static void a_model_without_times_is_asked_for_text(void **state)
{
    struct fake *fake = *state;
    SCRIPT(fake,
           {.status = 400,
            .body = "{\"error\":{\"message\":\"response_format 'verbose_json' is not compatible "
                    "with model 'new'.\",\"code\":\"unsupported_value\"}}"},
           {0});
    struct kn_arena *arena = kn_arena_new();
    struct kn_engine_settings settings = {.service = fake->service, .model = "new"};
    KN_SCOPED(kn_engine) engine = kn_engine_acquire(&kn_engine_openai, &settings);
    struct kn_chunk chunk = chunk_of(2);
    struct kn_findings findings = {0};
    for (int i = 0; i < 2; i++) {
        chunk.start_us = i;
        assert_int_equal(kn_engine_run(engine, &chunk, NULL, arena, &findings, NULL), KN_OK);
        chunk.count -= 160; /* another sound */
    }
    assert_int_equal(fake_asked(fake), 3); /* found out once */
    assert_string_equal(field(arena, &fake->requests[1], "response_format"), "json");
    assert_string_equal(field(arena, &fake->requests[2], "response_format"), "json");
    kn_arena_free(arena);
}

static void errors_reach_people(void **state)
{
    struct fake *fake = *state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_chunk chunk = chunk_of(2), tiny = chunk, huge = chunk;
    struct kn_findings findings;
    struct kn_error err = {0};
    SCRIPT(fake, {.status = 413,
                  .body = "{\"error\":{\"message\":\"Maximum content size limit "
                          "(26214400) exceeded\"}}"});
    assert_int_equal(run(fake, NULL, &chunk, arena, &findings, &err), KN_LIMIT);
    assert_string_equal(err.text, "the speech service takes no request of this size (Maximum "
                                  "content size limit (26214400) exceeded): send shorter pieces");
    tiny.count = 1599; /* less than services take: there is nothing in it */
    assert_int_equal(run(fake, NULL, &tiny, arena, &findings, &err), KN_OK);
    assert_int_equal(findings.word_count, 0);
    huge.count = RATE_HZ * 601;
    assert_int_equal(run(fake, NULL, &huge, arena, &findings, &err), KN_LIMIT);
    assert_int_equal(fake_asked(fake), 1);

    /* An answer whose times are nonsense: once more, then it is damaged, and was paid for twice. */
    static const struct fake_answer nonsense[] = {
        {.body = "{\"text\":\"a b\",\"words\":[{\"word\":\"a\",\"start\":77,\"end\":78},"
                 "{\"word\":\"b\",\"start\":79,\"end\":80}]}"}};
    KN_SCOPED(kn_budget) budget = kn_budget_new("a count", &(struct kn_budget_limits){0}, NULL);
    struct kn_usage usage;
    chunk.budget = budget;
    fake_script(fake, nonsense, 1);
    kn_service_use_speed(fake->service, 1000);
    assert_int_equal(run(fake, NULL, &chunk, arena, &findings, &err), KN_DAMAGED);
    assert_int_equal(fake_asked(fake), 2);
    kn_budget_used(budget, &usage);
    assert_int_equal(usage.requests, 2);
    assert_true(usage.audio_s > 3.9 && usage.audio_s < 4.1);

    struct kn_engine_settings none = {0};
    assert_int_equal(kn_engine_openai.available(&none, &err), KN_MISSING);
    assert_non_null(strstr(err.text, "OPENAI_API_KEY"));
    kn_arena_free(arena);
}

static void an_engine_belongs_to_its_service_and_model(void **state)
{
    struct fake *fake = *state;
    struct kn_engine_settings one = {.service = fake->service, .model = "a"}, other = one;
    other.model = "b";
    struct kn_engine *a = kn_engine_acquire(&kn_engine_openai, &one);
    struct kn_engine *same = kn_engine_acquire(&kn_engine_openai, &one);
    struct kn_engine *b = kn_engine_acquire(&kn_engine_openai, &other);
    other.service = NULL;
    struct kn_engine *without = kn_engine_acquire(&kn_engine_openai, &other);
    assert_ptr_equal(a, same);
    assert_ptr_not_equal(a, b);
    assert_ptr_not_equal(b, without);
    struct kn_error err;
    assert_int_equal(kn_engine_open(without, &err), KN_MISSING);
    kn_engine_release(a);
    kn_engine_release(same);
    kn_engine_release(b);
    kn_engine_release(without);
    assert_ptr_equal(kn_engine_find("openai"), &kn_engine_openai);
}

/* ---- reading ---- */

/* "The(0-240) beach(240-500)" in milliseconds, or the text, or the error. */
static const char *read_as(struct kn_arena *arena, const char *body, int seconds,
                           struct kn_findings *findings)
{
    struct kn_str out = {0};
    struct kn_error err = {0};
    json_t *answer = json_loads(body, 0, NULL);
    assert_non_null(answer);
    *findings = (struct kn_findings){0};
    enum kn_status status =
        kn_speech_answer_read(answer, seconds * INT64_C(1000000), arena, findings, &err);
    json_decref(answer);
    if (status != KN_OK)
        kn_str_printf(&out, "%s: %s", kn_status_name(status), err.text);
    else if (findings->text)
        kn_str_printf(&out, "text %s", findings->text);
    for (int i = 0; i < findings->word_count; i++)
        kn_str_printf(&out, "%s%s(%d-%d)", i ? " " : "", findings->words[i].text,
                      (int)(findings->words[i].start_us / 1000),
                      (int)(findings->words[i].end_us / 1000));
    const char *kept = kn_arena_strdup(arena, kn_str_text(&out));
    kn_str_free(&out);
    return kept;
}

static void each_dialect_is_understood(void **state)
{
    (void)state;
    static const struct {
        const char *body, *reads, *language;
        int seconds;
    } cases[] = {
        /* OpenAI's verbose_json: words without marks, the segment's text with them. */
        {"{\"task\":\"transcribe\",\"language\":\"english\",\"duration\":8.470000267028809,"
         "\"text\":\"The beach was hot.\",\"segments\":[{\"id\":0,\"seek\":0,\"start\":0.0,"
         "\"end\":3.319999933242798,\"text\":\" The beach was hot.\",\"tokens\":[50364,440,7534,"
         "390],\"temperature\":0.0,\"avg_logprob\":-0.2860786020755768,\"compression_ratio\":1.23,"
         "\"no_speech_prob\":0.009}],\"words\":[{\"word\":\"The\",\"start\":0.0,"
         "\"end\":0.23999999463558197},{\"word\":\"beach\",\"start\":0.24,\"end\":0.5},"
         "{\"word\":\"was\",\"start\":0.5,\"end\":0.7},{\"word\":\"hot\",\"start\":0.7,"
         "\"end\":1.1}],\"usage\":{\"type\":\"duration\",\"seconds\":9}}",
         "The(0-240) beach(240-500) was(500-700) hot.(700-1100)", "en", 9},
        /* json alone. */
        {"{\"text\":\"Hello.\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14}}", "text Hello.",
         NULL, 9},
        /* gpt-transcribe says in another way which language it is. */
        {"{\"text\":\"Hola.\",\"languages\":[{\"code\":\"es\"}]}", "text Hola.", "es", 9},
        /* whisper.cpp: pieces inside segments, with spaces; a text that ends with a line break. */
        {"{\"task\":\"transcribe\",\"language\":\"english\",\"duration\":2.5,\"text\":\" And so my "
         "fellow Americans,\\n ask not.\\n\",\"segments\":[{\"id\":0,\"text\":\" And so my fellow "
         "Americans,\",\"start\":0.0,\"end\":1.5,\"tokens\":[400,370],\"words\":[{\"word\":\" And"
         "\",\"start\":0.0,\"end\":0.2,\"t_dtw\":-1,\"probability\":0.7},{\"word\":\" so\","
         "\"start\":0.2,\"end\":0.4,\"probability\":0.9},{\"word\":\" my\",\"start\":0.4,"
         "\"end\":0.6,\"probability\":0.9},{\"word\":\" fel\",\"start\":0.6,\"end\":0.8,"
         "\"probability\":0.8},{\"word\":\"low\",\"start\":0.8,\"end\":1.0,\"probability\":0.8},"
         "{\"word\":\" Americans\",\"start\":1.0,\"end\":1.4,\"probability\":0.9},{\"word\":\",\","
         "\"start\":1.4,\"end\":1.5,\"probability\":0.9}]},{\"id\":1,\"text\":\" ask not.\","
         "\"start\":1.5,\"end\":2.4,\"words\":[{\"word\":\" ask\",\"start\":1.5,\"end\":1.9,"
         "\"probability\":0.9},{\"word\":\" not\",\"start\":1.9,\"end\":2.3,\"probability\":0.9},"
         "{\"word\":\".\",\"start\":2.3,\"end\":2.4,\"probability\":0.9}]}],"
         "\"detected_language\":\"english\",\"detected_language_probability\":0.98}",
         "And(0-200) so(200-400) my(400-600) fellow(600-1000) Americans,(1000-1400) ask(1500-1900) "
         "not.(1900-2300)",
         "en", 3},
        /* LocalAI: times in nanoseconds. */
        {"{\"segments\":[{\"id\":0,\"start\":0,\"end\":1500000000,\"text\":\"Good day.\"}],"
         "\"words\":[{\"word\":\"Good\",\"start\":0,\"end\":700000000},{\"word\":\"day\","
         "\"start\":700000000,\"end\":1500000000}],\"text\":\"Good day.\"}",
         "Good(0-700) day.(700-1500)", NULL, 2},
        /* Groq and others without words: the segment's time is shared out. */
        {"{\"language\":\"English\",\"text\":\" One two. Three.\",\"segments\":[{\"start\":1,"
         "\"end\":2,\"text\":\" One two.\",\"avg_logprob\":-0.1},{\"start\":2.5,\"end\":3,"
         "\"text\":\" Three.\",\"avg_logprob\":-0.1}]}",
         "One(1000-1500) two.(1500-2000) Three.(2500-3000)", "en", 4},
        /* A segment that claims more time than there is: its words share what there is. */
        {"{\"text\":\" One two.\",\"segments\":[{\"start\":0,\"end\":30,\"text\":\" One two.\"}]}",
         "One(0-1500) two.(1500-3000)", NULL, 3},
        /* Japanese, by its English name. */
        {"{\"language\":\"japanese\",\"text\":\"今日はいい天気。\",\"segments\":[{\"start\":0,"
         "\"end\":2,\"text\":\"今日はいい天気。\"}],\"words\":[{\"word\":\"今日\",\"start\":0,"
         "\"end\":0.5},{\"word\":\"は\",\"start\":0.5,\"end\":0.7},{\"word\":\"いい\","
         "\"start\":0.7,\"end\":1.2},{\"word\":\"天気\",\"start\":1.2,\"end\":1.9}]}",
         "今日(0-500) は(500-700) いい(700-1200) 天気。(1200-1900)", "ja", 2},
        {"{\"language\":\"ja\",\"text\":\"今日は。\",\"segments\":[{\"start\":0,\"end\":2,"
         "\"text\":\"今日は。\"}]}",
         "今日(0-1000) は。(1000-2000)", "ja", 2},
        /* Silence. */
        {"{\"text\":\"\"}", "", NULL, 5},
        {"{\"text\":\"\",\"segments\":[],\"words\":[],\"language\":\"english\"}", "", "en", 5},
        {"{\"text\":\"Thank you.\",\"segments\":[{\"start\":0,\"end\":30,\"text\":\" Thank you.\","
         "\"avg_logprob\":-1.2,\"no_speech_prob\":0.8}],\"words\":[{\"word\":\"Thank\","
         "\"start\":0,\"end\":15},{\"word\":\"you\",\"start\":15,\"end\":30}]}",
         "", NULL, 30},
        /* Texts with what should not be in them. */
        {"{\"text\":\"  a\\tb\\u001b \"}", "text a b", NULL, 5},
        {"{\"text\":\"a \\u009b2Jb\",\"words\":[{\"word\":\"a\",\"start\":0,\"end\":1},"
         "{\"word\":\"\\u009b2J\\u202eb\",\"start\":1,\"end\":2}]}",
         "a(0-1000) 2Jb(1000-2000)", NULL, 5},
        /* A text that was cut off. */
        {"{\"text\":\"Wh\",\"words\":[{\"word\":\"Why\",\"start\":0,\"end\":1},"
         "{\"word\":\"sleep\",\"start\":1,\"end\":2}]}",
         "Why(0-1000) sleep(1000-2000)", NULL, 5},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_arena *arena = kn_arena_new();
        struct kn_findings findings;
        const char *reads = read_as(arena, cases[i].body, cases[i].seconds, &findings);
        if (strcmp(reads, cases[i].reads) != 0)
            fail_msg("case %d: %s", (int)i, reads);
        if (findings.language != cases[i].language &&
            (!findings.language || !cases[i].language ||
             strcmp(findings.language, cases[i].language) != 0))
            fail_msg("case %d: language %s", (int)i, findings.language);
        kn_arena_free(arena);
    }
}

/* words:[{a,start,end},…] with the text of all. */
static void times_are_put_right_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *words, *reads;
    } cases[] = {
        /* Overlaps, no length, an end before the start. */
        {"a 0 0.5,b 0.45 1,c 1 1,d 1 0.2,e 2 2.5",
         "a(0-450) b(450-1000) c(1000-1005) d(1005-1010) e(2000-2500)"},
        /* One that goes back a little, one that reaches beyond the end, one that was invented. */
        {"a 0 0.5,b 0.5 1,c 0.4 1.2,d 1.2 2,e 2 2.2,f 2.2 9,g 3.2 4,h 5 6",
         "a(0-500) b(500-505) c(505-1200) d(1200-2000) e(2000-2200) f(2200-2995) g(2995-3000)"},
        /* Many at the very end. */
        {"a 0 1,b 2.999 3,c 2.999 3,d 3 3", "a(0-1000) b(2985-2990) c(2990-2995) d(2995-3000)"},
        /* None of it can be believed. */
        {"a 9 10,b 10 11,c 1 2",
         "DAMAGED: the times of 2 of its 3 words are out of order or beyond the end"},
        {"a 2 2.1,b 1 1.1,c 2.5 2.6,d 0 0.1",
         "DAMAGED: the times of 2 of its 4 words are out of order or beyond the end"},
        {"a -5 -4,b 0 1",
         "DAMAGED: the times of 1 of its 2 words are out of order or beyond the end"},
        {"a 1e300 1e300", "DAMAGED: the times of 1 of its 1 words are out of order or beyond the "
                          "end"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_arena *arena = kn_arena_new();
        struct kn_findings findings;
        struct kn_str body = {0}, text = {0};
        char *copy = kn_arena_strdup(arena, cases[i].words), *rest = NULL;
        kn_str_add(&body, "{\"words\":[");
        for (char *at = strtok_r(copy, ",", &rest); at; at = strtok_r(NULL, ",", &rest)) {
            char word[8], start[16], end[16];
            assert_int_equal(sscanf(at, "%7s %15s %15s", word, start, end), 3);
            kn_str_printf(&body, "%s{\"word\":\"%s\",\"start\":%s,\"end\":%s}",
                          text.length ? "," : "", word, start, end);
            kn_str_printf(&text, "%s ", word);
        }
        kn_str_printf(&body, "],\"text\":\"%s\"}", text.at);
        const char *reads = read_as(arena, body.at, 3, &findings);
        if (strcmp(reads, cases[i].reads) != 0)
            fail_msg("case %d: %s", (int)i, reads);
        kn_str_free(&body);
        kn_str_free(&text);
        kn_arena_free(arena);
    }
}

static void doubt_is_said(void **state)
{
    (void)state;
    struct kn_arena *arena = kn_arena_new();
    struct kn_findings f;
    /* Sure; probably silent; repeating itself. */
    (void)read_as(arena,
                  "{\"text\":\"a b c\",\"segments\":["
                  "{\"start\":0,\"end\":1,\"text\":\" a\",\"avg_logprob\":-0.1,\"tokens\":[1,2]},"
                  "{\"start\":1,\"end\":2,\"text\":\" b\",\"avg_logprob\":-0.1,\"tokens\":[1,2],"
                  "\"no_speech_prob\":0.9},"
                  "{\"start\":2,\"end\":3,\"text\":\" c\",\"avg_logprob\":-0.4,\"tokens\":[1,2],"
                  "\"compression_ratio\":3}],\"words\":[{\"word\":\"a\",\"start\":0,\"end\":1},"
                  "{\"word\":\"b\",\"start\":1,\"end\":2},{\"word\":\"c\",\"start\":2,\"end\":3}]}",
                  3, &f);
    assert_int_equal(f.word_count, 3);
    assert_true(fabsf(f.words[0].confidence - 0.905F) < 0.001F);
    assert_true(fabsf(f.words[1].confidence - 0.452F) < 0.001F);
    assert_true(fabsf(f.words[2].confidence - 0.335F) < 0.001F);
    assert_true(f.looped);
    assert_true(fabsf(f.mean_log_prob + 0.2F) < 0.001F);
    kn_arena_free(arena);
}

static void hostile_answers_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}", "{\"text\":5}", "{\"text\":null}", "[]", "{\"words\":[]}",
    };
    struct kn_arena *arena = kn_arena_new();
    struct kn_findings findings;
    for (size_t i = 0; i < KN_COUNT_OF(bad); i++)
        assert_string_equal(read_as(arena, bad[i], 3, &findings),
                            "DAMAGED: there is no text in it");
    /* Strange, and harmless. */
    static const char *const odd[] = {
        "{\"text\":\"a\",\"words\":{}}",
        "{\"text\":\"a\",\"words\":[1,null,{},{\"word\":1},{\"word\":\"\"}]}",
        "{\"text\":\"a\",\"segments\":[1,null,{},{\"text\":1,\"words\":1}]}",
        "{\"text\":\"a\",\"language\":7}",
    };
    for (size_t i = 0; i < KN_COUNT_OF(odd); i++) {
        const char *reads = read_as(arena, odd[i], 3, &findings);
        if (kn_starts_with(reads, "DAMAGED"))
            fail_msg("%s: %s", odd[i], reads);
    }
    struct kn_str many = {0};
    kn_str_add(&many, "{\"text\":\"a\",\"words\":[{\"word\":\"a\",\"start\":0,\"end\":0}");
    for (int i = 0; i < 300; i++)
        kn_str_add(&many, ",{\"word\":\"a\",\"start\":0,\"end\":0}");
    kn_str_add(&many, "]}");
    assert_string_equal(read_as(arena, many.at, 3, &findings),
                        "DAMAGED: nobody says so many words in 3.0 s");
    kn_str_clear(&many);
    kn_str_add(&many, "{\"segments\":[{\"start\":0,\"end\":3,\"text\":\"");
    for (int i = 0; i < 500; i++)
        kn_str_add(&many, "a ");
    kn_str_add(&many, "\"}]}");
    assert_string_equal(read_as(arena, many.at, 3, &findings),
                        "DAMAGED: nobody says so many words in 3.0 s");
    /* One word that is so long, and lasts so long, that their product is no number. */
    kn_str_clear(&many);
    kn_str_add(&many, "{\"segments\":[{\"start\":0,\"end\":1e300,\"text\":\"");
    for (int i = 0; i < 20000; i++)
        kn_str_add(&many, "a");
    kn_str_add(&many, "\"}]}");
    assert_string_equal(read_as(arena, many.at, 3, &findings),
                        "DAMAGED: there is a word of 20000 bytes in it");
    /* And with no time at all. */
    kn_str_clear(&many);
    kn_str_printf(&many, "{\"text\":\"a %0513d\"}", 0);
    assert_string_equal(read_as(arena, many.at, 3, &findings),
                        "DAMAGED: there is a word of 513 bytes in it");
    kn_str_free(&many);
    kn_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FAKE_TEST(models_are_asked_for_what_they_have),
        FAKE_TEST(a_model_without_times_is_asked_for_text),
        FAKE_TEST(errors_reach_people),
        FAKE_TEST(an_engine_belongs_to_its_service_and_model),
        cmocka_unit_test(each_dialect_is_understood),
        cmocka_unit_test(times_are_put_right_or_refused),
        cmocka_unit_test(doubt_is_said),
        cmocka_unit_test(hostile_answers_are_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(sound);
    return failed;
}
