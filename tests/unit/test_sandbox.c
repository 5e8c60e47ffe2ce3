/* The sandbox over real sockets: what it answers, what it refuses, and its bad days. */
#include "support/sandbox_help.h"

#include <pthread.h>

#include "base/clock.h"
#include "support/temp_folder.h"

#define HEAR_ALL                                                                                   \
    "model=whisper-1", "response_format=verbose_json", "timestamp_granularities[]=word",           \
        "timestamp_granularities[]=segment"
static const char *const all_fields[] = {HEAR_ALL, NULL};

/* 1 by 1 pixel. */
static const char png[] =
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlE"
    "QVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

static char *wav;
static size_t wav_size;

static int make_sound(void **state)
{
    (void)state;
    wav = make_wav(20, false, &wav_size);
    return 0;
}

static int drop_sound(void **state)
{
    (void)state;
    free(wav);
    return 0;
}

/* ---- transcriptions ---- */

static void words_are_in_order_and_within_the_sound(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    assert_int_equal(talk_hear(&talk, "a.wav", wav, wav_size, all_fields), 200);
    const json_t *words = json_object_get(talk.json, "words"), *word;
    assert_true(json_array_size(words) > 20);
    double before = 0;
    size_t i;
    json_array_foreach(words, i, word)
    {
        double start = json_number_value(json_object_get(word, "start"));
        double end = json_number_value(json_object_get(word, "end"));
        if (start < before || end < start || end > 20)
            fail_msg("word %zu is from %f to %f after %f", i, start, end, before);
        before = start;
    }
    assert_true(json_array_size(json_object_get(talk.json, "segments")) > 3);
    assert_string_equal(json_string_value(json_object_get(talk.json, "language")), "english");
    assert_true(json_number_value(json_object_get(talk.json, "duration")) == 20);
    char *first = kn_arena_strdup(talk.arena, talk.answer.body);
    assert_non_null(kn_http_header(&talk.answer, "x-request-id"));
    assert_non_null(kn_http_header(&talk.answer, "openai-processing-ms"));
    assert_string_equal(kn_http_header(&talk.answer, "x-ratelimit-reset-requests"), "0s");
    assert_int_equal(talk_hear(&talk, "b.wav", wav, wav_size, all_fields), 200);
    assert_string_equal(talk.answer.body, first);
    talk_close(&talk);
}

static void another_seed_says_something_else(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed;
        bool same; /* as without one */
    } cases[] = {{0, true}, {0, true}, {7, false}};
    char *first = NULL;
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        struct talk talk;
        talk_open(&talk, &(struct kn_sandbox_options){.seed = cases[c].seed});
        assert_int_equal(talk_hear(&talk, "a.wav", wav, wav_size, all_fields), 200);
        const char *text = json_string_value(json_object_get(talk.json, "text"));
        if (!first)
            first = kn_strdup(text);
        assert_int_equal(strcmp(text, first) == 0, cases[c].same);
        talk_close(&talk);
    }
    free(first);
}

static void every_format_has_its_form(void **state)
{
    (void)state;
    static const struct {
        const char *fields[8];
        const char *type, *begins;
    } cases[] = {
        {{"model=whisper-1"}, "application/json", "{\"text\":\""},
        {{"model=whisper-1", "response_format=text"}, "text/plain; charset=utf-8", ""},
        {{"model=whisper-1", "response_format=srt"}, "text/plain; charset=utf-8", "1\n00:00:00,"},
        {{"model=whisper-1", "response_format=vtt"}, "text/plain; charset=utf-8", "WEBVTT\n\n00:"},
        {{"model=gpt-4o-transcribe", "include[]=logprobs", "language=en"},
         "application/json",
         "{\"text\":\""},
        {{"model=gpt-4o-transcribe-diarize", "response_format=diarized_json"},
         "application/json",
         "{\"task\":\"transcribe\""},
        {{"model=gpt-4o-mini-transcribe", "stream=true"},
         "text/event-stream; charset=utf-8",
         "data: {\"type\":\"transcript.text.delta\""},
    };
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        int status = talk_hear(&talk, "a.wav", wav, wav_size, cases[c].fields);
        if (status != 200)
            fail_msg("case %d: %d %s", (int)c, status, talk.answer.body);
        assert_string_equal(kn_http_header(&talk.answer, "content-type"), cases[c].type);
        assert_memory_equal(talk.answer.body, cases[c].begins, strlen(cases[c].begins));
    }
    talk_close(&talk);
}

static void what_the_service_refuses_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *filename;
        const char *fields[8];
        int status;
        const char *param;
    } cases[] = {
        {"a.wav", {NULL}, 400, "model"},
        {"a.wav", {"model="}, 400, "model"},
        {"a.wav", {"model=whisper-9"}, 404, ""},
        {"a.wav", {"model=gpt-4o-mini"}, 400, "model"},
        {"a.wav", {"model=whisper-1", "model=whisper-1"}, 400, "model"},
        {NULL, {"model=whisper-1"}, 400, "file"},
        {"a", {"model=whisper-1"}, 400, "file"},
        {"a.aiff", {"model=whisper-1"}, 400, "file"},
        {"a.flac", {"model=whisper-1"}, 400, "file"}, /* its bytes are WAV */
        {"a.wav", {"model=whisper-1", "words=yes"}, 400, "words"},
        {"a.wav", {"model=whisper-1", "response_format=xml"}, 400, "response_format"},
        {"a.wav", {"model=whisper-1", "response_format=diarized_json"}, 400, "response_format"},
        {"a.wav",
         {"model=gpt-4o-transcribe", "response_format=verbose_json"},
         400,
         "response_format"},
        {"a.wav", {"model=gpt-4o-mini-transcribe", "response_format=srt"}, 400, "response_format"},
        {"a.wav",
         {"model=whisper-1", "timestamp_granularities[]=word"},
         400,
         "timestamp_granularities[]"},
        {"a.wav",
         {"model=whisper-1", "response_format=verbose_json", "timestamp_granularities=word"},
         400,
         "timestamp_granularities"},
        {"a.wav",
         {"model=whisper-1", "response_format=verbose_json", "timestamp_granularities[]=letter"},
         400,
         "timestamp_granularities[]"},
        {"a.wav", {"model=whisper-1", "language=english"}, 400, "language"},
        {"a.wav", {"model=whisper-1", "temperature=1.5"}, 400, "temperature"},
        {"a.wav", {"model=whisper-1", "include[]=logprobs"}, 400, "include[]"},
        {"a.wav", {"model=whisper-1", "keywords[]=kirinuki"}, 400, "keywords[]"},
        {"a.wav", {"model=gpt-4o-transcribe-diarize", "prompt=hello"}, 400, "prompt"},
    };
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        bool file = cases[c].filename != NULL;
        int status =
            talk_hear(&talk, cases[c].filename, file ? wav : NULL, wav_size, cases[c].fields);
        if (status != cases[c].status || strcmp(talk_error(&talk, "param"), cases[c].param) != 0 ||
            strcmp(talk_error(&talk, "type"), "invalid_request_error") != 0)
            fail_msg("case %d: %d %s", (int)c, status, talk.answer.body);
        const json_t *error = json_object_get(talk.json, "error");
        assert_int_equal(json_object_size(error), 4);
    }
    struct kn_sandbox_counts counts;
    kn_sandbox_counts(talk.sandbox, &counts);
    assert_int_equal(counts.refused, KN_COUNT_OF(cases));
    talk_close(&talk);
}

static void too_large_and_too_short_files_are_refused(void **state)
{
    (void)state;
    static const char *const fields[] = {"model=whisper-1", NULL};
    struct talk talk;
    size_t size;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    char *sound = make_wav(26214400 / 32000.0, false, &size); /* and 44 bytes of a head */
    assert_int_equal(size, 26214444);
    assert_int_equal(talk_hear(&talk, "a.wav", sound, size, fields), 413);
    assert_int_equal(talk_hear(&talk, "a.wav", sound, 26214400, fields), 200);
    assert_int_equal(talk_hear(&talk, "a.wav", sound, 44 + 3000, fields), 400);
    assert_string_equal(talk_error(&talk, "code"), "audio_too_short");
    assert_int_equal(talk_hear(&talk, "a.wav", "", 0, fields), 400);
    free(sound);
    assert_int_equal(talk_post(&talk, "/v1/audio/transcriptions", "{}"), 400);
    assert_string_equal(talk_error(&talk, "code"), "unsupported_content_type");
    talk_close(&talk);
}

static void silence_says_nothing(void **state)
{
    (void)state;
    struct talk talk;
    size_t size;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    char *sound = make_wav(3, true, &size);
    assert_int_equal(talk_hear(&talk, "a.wav", sound, size, all_fields), 200);
    assert_int_equal(json_array_size(json_object_get(talk.json, "words")), 0);
    assert_string_equal(json_string_value(json_object_get(talk.json, "text")), "");
    free(sound);
    talk_close(&talk);
}

static void keys_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        int any, listed; /* statuses */
    } cases[] = {
        {"Bearer sk-anything", 200, 401}, {"Bearer sk-", 401, 401},
        {"Bearer secret", 401, 200},      {"Bearer ", 401, 401},
        {"Basic sk-anything", 401, 401},  {"bearer sk-x", 200, 401},
    };
    static const char *const keys[] = {"other", "secret"};
    struct talk any, listed;
    talk_open(&any, &(struct kn_sandbox_options){0});
    talk_open(&listed, &(struct kn_sandbox_options){.keys = keys, .key_count = 2});
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        struct kn_http_header header = {"Authorization", cases[c].header};
        struct kn_http_request request = {.headers = &header, .header_count = 1};
        assert_int_equal(talk_send(&any, &request, "/v1/models"), cases[c].any);
        assert_int_equal(talk_send(&listed, &request, "/v1/models"), cases[c].listed);
        if (cases[c].any == 401)
            assert_string_equal(talk_error(&any, "code"), "invalid_api_key");
        assert_null(strstr(listed.answer.body, "anything"));
    }
    assert_int_equal(talk_get(&any, "/v1/models/whisper-1"), 200);
    assert_int_equal(talk_get(&any, "/v1/models/nothing"), 404);
    assert_string_equal(talk_error(&any, "code"), "model_not_found");
    assert_int_equal(talk_get(&any, "/v1/nothing"), 404);
    assert_int_equal(talk_get(&any, "/v1/chat/completions"), 405);
    talk_close(&any);
    talk_close(&listed);
}

/* ---- chats ---- */

#define STRICT(schema)                                                                             \
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\","               \
    "\"strict\":true,\"schema\":" schema "}}"
#define ASK(more)                                                                                  \
    "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"id 7, "             \
    "id 9\"}]" more "}"
#define SCHEMA                                                                                     \
    "{\"type\":\"object\",\"properties\":{\"list\":{\"type\":\"array\",\"items\":{\"type\":"       \
    "\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},\"note\":{\"type\":[\"string\","     \
    "\"null\"]},\"kind\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}},\"required\":[\"id\","      \
    "\"note\",\"kind\"],\"additionalProperties\":false}}},\"required\":[\"list\"],"                \
    "\"additionalProperties\":false}"

static json_t *content_of(const struct talk *talk, const char **ret_reason)
{
    const json_t *choice = json_array_get(json_object_get(talk->json, "choices"), 0);
    const char *text =
        json_string_value(json_object_get(json_object_get(choice, "message"), "content"));
    *ret_reason = json_string_value(json_object_get(choice, "finish_reason"));
    return json_loads(text ? text : "", JSON_DECODE_ANY, NULL);
}

static void answers_fit_the_schema_and_name_what_the_prompt_names(void **state)
{
    (void)state;
    struct talk talk;
    const char *reason;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    int status = talk_post(&talk, "/v1/chat/completions", ASK("," STRICT(SCHEMA)));
    if (status != 200)
        fail_msg("%d %s", status, talk.answer.body);
    KN_SCOPED_JSON content = content_of(&talk, &reason);
    const json_t *list = json_object_get(content, "list");
    assert_string_equal(reason, "stop");
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "id")), 7);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "id")), 9);
    const char *kind = json_string_value(json_object_get(json_array_get(list, 0), "kind"));
    assert_true(strcmp(kind, "a") == 0 || strcmp(kind, "b") == 0);
    assert_true(json_integer_value(
                    json_object_get(json_object_get(talk.json, "usage"), "total_tokens")) > 0);
    talk_close(&talk);
}

/* Whatever name an answer tells, it can be asked for. */
static void the_names_of_answers_are_known(void **state)
{
    (void)state;
    struct talk talk, more;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    talk_open(&more, &(struct kn_sandbox_options){0});
    assert_int_equal(talk_get(&talk, "/v1/models"), 200);
    const json_t *model;
    size_t i;
    int dated = 0;
    json_array_foreach(json_object_get(talk.json, "data"), i, model)
    {
        const char *name = json_string_value(json_object_get(model, "id"));
        static const char form[] =
            "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
        int status =
            talk_post(&more, "/v1/chat/completions", kn_arena_printf(more.arena, form, name));
        const char *told = json_string_value(json_object_get(more.json, "model"));
        if (status != 200)
            continue; /* it transcribes */
        told = kn_arena_strdup(more.arena, told);
        dated += strcmp(told, name) != 0;
        if (talk_get(&more, kn_arena_printf(more.arena, "/v1/models/%s", told)) != 200 ||
            talk_post(&more, "/v1/chat/completions", kn_arena_printf(more.arena, form, told)) !=
                200)
            fail_msg("%s is answered as %s, which is unknown", name, told);
        assert_string_equal(json_string_value(json_object_get(more.json, "model")), told);
    }
    assert_int_equal(dated, 5);
    talk_close(&talk);
    talk_close(&more);
}

static void wrong_chats_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *param;
    } cases[] = {
        {"{", 400, ""},
        {"[]", 400, ""},
        {"{}", 400, "model"},
        {"{\"model\":\"gpt-9\",\"messages\":[]}", 404, ""},
        {"{\"model\":\"whisper-1\",\"messages\":[]}", 404, "model"},
        {"{\"model\":\"gpt-4o\"}", 400, "messages"},
        {"{\"model\":\"gpt-4o\",\"messages\":[]}", 400, "messages"},
        {"{\"model\":\"gpt-4o\",\"messages\":[{\"content\":\"x\"}]}", 400, "messages[0]"},
        {"{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"boss\",\"content\":\"x\"}]}", 400,
         "messages[0]"},
        {"{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"text\":\"x\"}]}", 400,
         "messages[0].text"},
        {"{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]"
         "}]}",
         400, "messages[0].content[0]"},
        {ASK(",\"temprature\":0"), 400, "temprature"},
        {ASK(",\"temperature\":3"), 400, "temperature"},
        {ASK(",\"max_tokens\":0"), 400, "max_tokens"},
        {ASK(",\"max_tokens\":5,\"max_completion_tokens\":5"), 400, "max_tokens"},
        {ASK(",\"n\":129"), 400, "n"},
        {ASK(",\"stream\":\"yes\""), 400, "stream"},
        {ASK(",\"response_format\":{\"type\":\"yaml\"}"), 400, "response_format.type"},
        {ASK(",\"response_format\":{\"type\":\"json_object\"}"), 400, "messages"},
        {ASK(",\"response_format\":{\"type\":\"json_schema\"}"), 400,
         "response_format.json_schema"},
        {ASK(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a b\","
             "\"schema\":{}}}"),
         400, "response_format.json_schema.name"},
        {ASK(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\","
             "\"schema\":{},\"strong\":true}}"),
         400, "response_format.json_schema.strong"},
        {ASK("," STRICT("{\"type\":\"array\",\"items\":{\"type\":\"string\"}}")), 400,
         "response_format"},
        {ASK("," STRICT("{\"type\":\"object\",\"properties\":{}}")), 400, "response_format"},
        {"{\"model\":\"gpt-5\",\"temperature\":0.2,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"x\"}]}",
         400, "temperature"},
    };
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        int status = talk_post(&talk, "/v1/chat/completions", cases[c].body);
        if (status != cases[c].status || strcmp(talk_error(&talk, "param"), cases[c].param) != 0)
            fail_msg("case %d: %d %s", (int)c, status, talk.answer.body);
    }
    talk_close(&talk);
}

static void pictures_must_be_what_they_say(void **state)
{
    (void)state;
    struct {
        const char *url, *detail;
        int status;
        const char *code;
    } cases[] = {
        {png, "low", 200, ""},
        {png, "auto", 200, ""},
        {png, "lowest", 400, "invalid_value"},
        {"data:image/jpeg;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB", "low", 400,
         "invalid_image_format"},
        {"data:image/png;base64,iVBORw0KGgo*", "low", 400, "invalid_base64"},
        {"data:image/png;base64,iVBORw0KGgo", "low", 400, "invalid_base64"},
        {"data:image/png;base64,iVBORw0KGgo=", "low", 400, "image_parse_error"},
        {"data:image/bmp;base64,Qk0=", "low", 400, "invalid_image_format"},
        {"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=", "low", 200, ""},
        {"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBACwAAAAAAQABAAACAkQBADs=",
         "low", 400, "invalid_image_format"}, /* it moves */
        {"data:image/png,hello", "low", 400, "invalid_image_url"},
        {"https://example.com/a.png", "low", 400, "invalid_image_url"},
    };
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        char *body = kn_arena_printf(
            talk.arena,
            "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
            "\"image_url\",\"image_url\":{\"url\":\"%s\",\"detail\":\"%s\"}}]}]}",
            cases[c].url, cases[c].detail);
        int status = talk_post(&talk, "/v1/chat/completions", body);
        if (status != cases[c].status || strcmp(talk_error(&talk, "code"), cases[c].code) != 0)
            fail_msg("case %d: %d %s", (int)c, status, talk.answer.body);
    }
    talk_close(&talk);
}

/* ---- limits, latency ---- */

static void over_the_limit_is_429_with_the_time_to_wait(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){.requests_a_minute = 60, .burst = 3});
    for (int i = 0; i < 3; i++)
        assert_int_equal(talk_post(&talk, "/v1/chat/completions", ASK("")), 200);
    assert_string_equal(kn_http_header(&talk.answer, "x-ratelimit-limit-requests"), "60");
    assert_string_equal(kn_http_header(&talk.answer, "x-ratelimit-remaining-requests"), "0");
    assert_int_equal(talk_post(&talk, "/v1/chat/completions", ASK("")), 429);
    assert_string_equal(talk_error(&talk, "code"), "rate_limit_exceeded");
    assert_string_equal(talk_error(&talk, "type"), "requests");
    assert_string_equal(kn_http_header(&talk.answer, "retry-after"), "1");
    long long ms = 0;
    assert_true(kn_parse_int(kn_http_header(&talk.answer, "retry-after-ms"), 1, 1000, &ms));
    /* Another model has limits of its own. */
    assert_int_equal(talk_hear(&talk, "a.wav", wav, wav_size, all_fields), 200);
    talk_close(&talk);
}

/* What was refused has not been asked: neither rules nor faults count it. */
static void over_the_limit_costs_nothing(void **state)
{
    (void)state;
    static const struct kn_sandbox_fault fault = {.kind = KN_FAULT_SERVER, .after = 1};
    const struct kn_sandbox_options options = {
        .requests_a_minute = 1200, /* one each 50 ms */
        .burst = 1,
        .faults = &fault,
        .fault_count = 1,
        .script_text = "{\"kirinuki_sandbox\":1,\"chats\":[{\"content\":\"one\",\"times\":1},"
                       "{\"content\":\"two\"}]}",
    };
    struct talk talk;
    int limited = 0, statuses[2] = {0};
    talk_open(&talk, &options);
    for (int i = 0; i < 2; i++) {
        while ((statuses[i] = talk_post(&talk, "/v1/chat/completions", ASK(""))) == 429)
            limited++;
        assert_true(i == 1 || strstr(talk.answer.body, "\"one\""));
    }
    assert_true(limited > 0);
    assert_int_equal(statuses[0], 200);
    assert_int_equal(statuses[1], 500);
    talk_close(&talk);
}

static void latency_is_drawn_by_content_not_by_order(void **state)
{
    (void)state;
    const struct kn_sandbox_options options = {.latency = {.mean_s = 0.02, .spread_s = 0.02},
                                               .seed = 5};
    int64_t taken[2][4];
    for (int run = 0; run < 2; run++) {
        struct talk talk;
        int count;
        talk_open(&talk, &options);
        for (int i = 0; i < 4; i++) {
            int which = run ? 3 - i : i;
            char *body = kn_arena_printf(talk.arena,
                                         "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\","
                                         "\"content\":\"question %d\"}]}",
                                         which);
            assert_int_equal(talk_post(&talk, "/v1/chat/completions", body), 200);
            const struct kn_sandbox_entry *entries =
                kn_sandbox_entries(talk.sandbox, talk.arena, &count);
            assert_int_equal(count, i + 1);
            taken[run][which] = entries[i].latency_us;
            assert_true(talk.answer.total_us >= entries[i].latency_us - 1000);
        }
        talk_close(&talk);
    }
    assert_memory_equal(taken[0], taken[1], sizeof taken[0]);
    assert_true(taken[0][0] != taken[0][1]);
}

/* ---- accidents ---- */

static int chat_under(const char *rule, struct talk *talk, int limit_ms)
{
    struct kn_sandbox_fault fault;
    struct kn_error err;
    if (kn_sandbox_fault_parse(rule, &fault, &err) != KN_OK)
        fail_msg("%s", err.text);
    const struct kn_sandbox_options options = {.faults = &fault, .fault_count = 1};
    talk_open(talk, &options);
    static const char body[] = ASK("," STRICT(SCHEMA));
    struct kn_http_request request = {
        .body = body, .body_size = strlen(body), .limit_ms = limit_ms};
    return talk_send(talk, &request, "/v1/chat/completions");
}

static void accidents_happen_on_the_wire(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        int status; /* negative: of the transfer */
        const char *code;
        int json; /* is the body one? */
    } cases[] = {
        {"429", 429, "rate_limit_exceeded", 1},
        {"429-bare", 429, "rate_limit_exceeded", 1},
        {"slow-down", 429, "slow_down", 1},
        {"quota", 429, "insufficient_quota", 1},
        {"401", 401, "invalid_api_key", 1},
        {"500", 500, "", 1},
        {"503", 503, "server_is_overloaded", 1},
        {"timeout", -KN_TIMEOUT, "", 0},
        {"cut", -KN_IO, "", 0},
        {"cut-body", -KN_IO, "", 0},
        {"truncated-json", 200, "", 0},
        {"garbage", 200, "", 0},
        {"error-200", 200, "", 1},
        {"empty", 200, "", 0},
    };
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        struct talk talk;
        int status = chat_under(cases[c].rule, &talk, cases[c].status == -KN_TIMEOUT ? 200 : 0);
        if (status != cases[c].status || strcmp(talk_error(&talk, "code"), cases[c].code) != 0 ||
            !!talk.json != cases[c].json)
            fail_msg("%s: %d %s", cases[c].rule, status, talk.answer.body);
        bool told = status > 0 && kn_http_header(&talk.answer, "retry-after") != NULL;
        assert_int_equal(told,
                         !strcmp(cases[c].rule, "429") || !strcmp(cases[c].rule, "slow-down"));
        talk_close(&talk);
    }
}

static void accidents_happen_in_the_answer(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *reason;
        bool json;
    } cases[] = {{"refusal", "stop", false},
                 {"length", "length", false},
                 {"content-filter", "content_filter", false},
                 {"blank", "stop", false},
                 {"wrong-schema", "stop", true}};
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        struct talk talk;
        const char *reason;
        assert_int_equal(chat_under(cases[c].rule, &talk, 0), 200);
        KN_SCOPED_JSON content = content_of(&talk, &reason);
        assert_string_equal(reason, cases[c].reason);
        assert_int_equal(content != NULL, cases[c].json);
        assert_null(json_object_get(content, "list"));
        int count;
        const struct kn_sandbox_entry *entry = kn_sandbox_entries(talk.sandbox, talk.arena, &count);
        const json_t *usage = json_object_get(talk.json, "usage");
        assert_int_equal(count, 1);
        assert_int_equal(entry->input_tokens,
                         json_integer_value(json_object_get(usage, "prompt_tokens")));
        assert_int_equal(entry->output_tokens,
                         json_integer_value(json_object_get(usage, "completion_tokens")));
        assert_true(entry->output_tokens > 0 || strcmp(cases[c].rule, "refusal") != 0);
        talk_close(&talk);
    }
}

static void times_can_be_wrong(void **state)
{
    (void)state;
    static const struct kn_sandbox_fault faults[] = {
        {.kind = KN_FAULT_DISORDER, .first = 1},
        {.kind = KN_FAULT_BEYOND, .after = 1},
    };
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){.faults = faults, .fault_count = 2});
    int backwards = 0, beyond = 0;
    for (int run = 0; run < 2; run++) {
        assert_int_equal(talk_hear(&talk, "a.wav", wav, wav_size, all_fields), 200);
        const json_t *words = json_object_get(talk.json, "words"), *word;
        size_t i;
        json_array_foreach(words, i, word)
        {
            double start = json_number_value(json_object_get(word, "start"));
            double end = json_number_value(json_object_get(word, "end"));
            backwards += run == 0 && end < start;
            beyond += run == 1 && start > 20;
        }
    }
    assert_true(backwards > 3);
    assert_true(beyond > 3);
    talk_close(&talk);
}

/* ---- scripts and transcripts ---- */

static void a_script_says_what_is_said(void **state)
{
    (void)state;
    char hash[KN_HASH_TEXT_BYTES], script[2000];
    const char *reason;
    kn_hash_bytes(wav, wav_size, hash);
    snprintf(
        script, sizeof script,
        "{\"kirinuki_sandbox\":1,\"latency\":{\"chat\":0.001},"
        "\"transcripts\":[{\"name\":\"b.wav\",\"text\":\"こんにちは世界\",\"language\":\"ja\"},"
        "{\"duration\":20,\"times\":1,\"fault\":\"503\"},"
        "{\"audio\":\"%s\",\"words\":[{\"word\":\"Hello,\",\"start\":1,\"end\":1.5},"
        "{\"word\":\"you!\",\"start\":1.5,\"end\":2}]}],"
        "\"chats\":[{\"contains\":\"id 7\",\"times\":1,\"content\":{\"list\":[]}},"
        "{\"contains\":\"id 7\",\"content\":{\"list\":[{\"id\":1}]}},"
        "{\"contains\":\"*\",\"refusal\":\"No.\"}]}",
        hash);
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){.script_text = script});
    assert_int_equal(talk_hear(&talk, "b.wav", wav, wav_size, all_fields), 200);
    assert_string_equal(json_string_value(json_object_get(talk.json, "text")), "こんにちは世界");
    assert_string_equal(json_string_value(json_object_get(talk.json, "language")), "japanese");
    assert_int_equal(talk_hear(&talk, "c.wav", wav, wav_size, all_fields), 503);
    assert_int_equal(talk_hear(&talk, "c.wav", wav, wav_size, all_fields), 200);
    assert_string_equal(json_string_value(json_object_get(talk.json, "text")), "Hello, you!");
    const json_t *word = json_array_get(json_object_get(talk.json, "words"), 0);
    assert_string_equal(json_string_value(json_object_get(word, "word")), "Hello");

    assert_int_equal(talk_post(&talk, "/v1/chat/completions", ASK("," STRICT(SCHEMA))), 200);
    KN_SCOPED_JSON content = content_of(&talk, &reason);
    assert_true(json_is_array(json_object_get(content, "list")));
    /* A mistake of the script is not to be taken for one of the client. */
    assert_int_equal(talk_post(&talk, "/v1/chat/completions", ASK("," STRICT(SCHEMA))), 500);
    assert_string_equal(talk_error(&talk, "code"), "script_breaks_schema");
    assert_int_equal(
        talk_post(&talk, "/v1/chat/completions",
                  "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"),
        200);
    const json_t *choice = json_array_get(json_object_get(talk.json, "choices"), 0);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(choice, "message"), "refusal")), "No.");
    talk_close(&talk);
}

static void wrong_scripts_are_told_where(void **state)
{
    (void)state;
    static const struct {
        const char *script, *says;
    } cases[] = {
        {"", "the script:1"},
        {"{}", "kirinuki_sandbox"},
        {"{\"kirinuki_sandbox\":1,\"chat\":[]}", "did you mean “chats”"},
        {"{\"kirinuki_sandbox\":1,\"chats\":{}}", "chats is no list"},
        {"{\"kirinuki_sandbox\":1,\"chats\":[{\"contain\":\"x\"}]}", "chats[0] has no “contain”"},
        {"{\"kirinuki_sandbox\":1,\"chats\":[{\"latency\":\"soon\"}]}", "chats[0]"},
        {"{\"kirinuki_sandbox\":1,\"chats\":[3]}", "chats[0] is not an object"},
        {"{\"kirinuki_sandbox\":1,\"faults\":[\"oops\"]}", "there is no fault “oops”"},
        {"{\"kirinuki_sandbox\":1,\"latency\":{\"chats\":1}}", "latency is for"},
        {"{\"kirinuki_sandbox\":1,\"transcripts\":[{\"words\":[{\"word\":\"x\"}]}]}",
         "transcripts[0].words[0]"},
        {"{\"kirinuki_sandbox\":1,\"transcripts\":[{\"duration\":1e300}]}",
         "transcripts[0].duration"},
        {"{\"kirinuki_sandbox\":1,\"transcripts\":[{\"duration\":-5}]}", "transcripts[0].duration"},
        {"{\"kirinuki_sandbox\":1,\"transcripts\":[{},{\"times\":4294967297}]}",
         "transcripts[1].times"},
        {"{\"kirinuki_sandbox\":1,\"chats\":[{\"times\":0}]}", "chats[0].times"},
    };
    for (size_t c = 0; c < KN_COUNT_OF(cases); c++) {
        struct kn_sandbox *sandbox = NULL;
        struct kn_error err = {0};
        const struct kn_sandbox_options options = {.script_text = cases[c].script};
        assert_int_equal(kn_sandbox_open(&options, &sandbox, &err), KN_INVALID);
        if (!strstr(err.text, cases[c].says))
            fail_msg("case %d: %s", (int)c, err.text);
    }
}

static void pieces_of_a_source_are_found_by_their_names(void **state)
{
    (void)state;
    static const char srt[] = "1\n00:00:04,000 --> 00:00:05,000\nbefore\n\n"
                              "2\n00:00:30,500 --> 00:00:32,500\ninside, truly\n\n"
                              "3\n00:01:00,000 --> 00:01:01,000\nafter\n";
    char folder[PATH_MAX], path[PATH_MAX + 16];
    struct kn_error err;
    assert_non_null(temp_folder_make(folder));
    snprintf(path, sizeof path, "%s/talk.srt", folder);
    assert_int_equal(kn_file_write(path, srt, strlen(srt), &err), KN_OK);
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){.transcript = path});
    assert_int_equal(talk_hear(&talk, "piece-000029000.wav", wav, wav_size, all_fields), 200);
    assert_string_equal(json_string_value(json_object_get(talk.json, "text")), "inside, truly");
    const json_t *word = json_array_get(json_object_get(talk.json, "words"), 0);
    assert_true(json_number_value(json_object_get(word, "start")) == 1.5);
    assert_int_equal(talk_hear(&talk, "whole.wav", wav, wav_size, all_fields), 200);
    assert_string_equal(json_string_value(json_object_get(talk.json, "text")), "before");
    talk_close(&talk);
    assert_int_equal(temp_folder_remove(folder), 0);
}

/* ---- the rest ---- */

static void whisper_cpp_has_its_own_manners(void **state)
{
    (void)state;
    struct kn_http_part part = {"file", "a.wav", NULL, wav, wav_size};
    struct kn_http_part parts[] = {part, {"response_format", NULL, NULL, "verbose_json", 12}};
    struct kn_http_header header = {"Accept", "*/*"}; /* and no key */
    struct kn_http_request request = {
        .parts = parts, .part_count = 2, .headers = &header, .header_count = 1};
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){.dialect = KN_SANDBOX_WHISPER});
    assert_int_equal(talk_send(&talk, &request, "/inference"), 200);
    assert_null(json_object_get(talk.json, "words"));
    const json_t *segment = json_array_get(json_object_get(talk.json, "segments"), 0);
    const json_t *word = json_array_get(json_object_get(segment, "words"), 0);
    assert_int_equal(json_string_value(json_object_get(word, "word"))[0], ' ');
    assert_null(json_object_get(segment, "seek"));
    assert_non_null(json_object_get(talk.json, "detected_language"));
    part.data = "OggS";
    part.size = 4;
    parts[0] = part;
    assert_int_equal(talk_send(&talk, &request, "/inference"), 200);
    assert_string_equal(json_string_value(json_object_get(talk.json, "error")),
                        "failed to read audio data");
    assert_int_equal(talk_get(&talk, "/health"), 200);
    assert_int_equal(talk_get(&talk, "/v1/chat/completions"), 404);
    talk_close(&talk);
}

static void the_ledger_tells_what_was_asked(void **state)
{
    (void)state;
    struct talk talk;
    talk_open(&talk, &(struct kn_sandbox_options){0});
    (void)talk_hear(&talk, "a.wav", wav, wav_size, all_fields);
    (void)talk_post(&talk, "/v1/chat/completions", "{");
    assert_int_equal(talk_get(&talk, "/sandbox/ledger"), 200);
    const json_t *counts = json_object_get(talk.json, "counts");
    const json_t *requests = json_object_get(talk.json, "requests");
    assert_int_equal(json_integer_value(json_object_get(counts, "requests")), 2);
    assert_int_equal(json_integer_value(json_object_get(counts, "refused")), 1);
    const json_t *first = json_array_get(requests, 0);
    assert_true(json_number_value(json_object_get(first, "duration_s")) == 20);
    assert_string_equal(json_string_value(json_object_get(first, "file")), "a.wav");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(requests, 1), "status")),
                     400);
    talk_close(&talk);
}

/* Many at once, with an accident each, while somebody reads the ledger. */
static void *ask_many(void *arg)
{
    struct talk *shared = arg;
    struct talk talk = {.sandbox = shared->sandbox, .http = shared->http, .arena = kn_arena_new()};
    int *answered = kn_calloc(1, sizeof *answered);
    for (int i = 0; i < 10; i++) {
        *answered += talk_post(&talk, "/v1/chat/completions", ASK("")) == 200;
        (void)talk_get(&talk, "/sandbox/ledger");
    }
    json_decref(talk.json);
    kn_arena_free(talk.arena);
    return answered;
}

static void many_ask_at_once(void **state)
{
    (void)state;
    enum { THREADS = 6 };
    static const struct kn_sandbox_fault fault = {.kind = KN_FAULT_SERVER, .every = 4};
    struct talk talk;
    pthread_t threads[THREADS];
    int answered = 0;
    talk_open(&talk, &(struct kn_sandbox_options){
                         .faults = &fault, .fault_count = 1, .at_once = 2, .latency = {0, 0.002}});
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many, &talk), 0);
    for (int i = 0; i < THREADS; i++) {
        void *count;
        pthread_join(threads[i], &count);
        answered += *(int *)count;
        free(count);
    }
    assert_int_equal(answered, THREADS * 10 * 3 / 4);
    struct kn_sandbox_counts counts;
    kn_sandbox_counts(talk.sandbox, &counts);
    assert_int_equal(counts.requests, THREADS * 10);
    assert_int_equal(counts.by_fault[KN_FAULT_SERVER], THREADS * 10 / 4);
    talk_close(&talk);
}

static void *ask_slowly(void *arg)
{
    struct talk *shared = arg;
    struct talk talk = {.sandbox = shared->sandbox, .http = shared->http, .arena = kn_arena_new()};
    (void)talk_post(&talk, "/v1/chat/completions", ASK(""));
    json_decref(talk.json);
    kn_arena_free(talk.arena);
    return NULL;
}

/* Three at once, one at a time: each takes its time. */
static void one_at_a_time_means_that(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    struct talk talk;
    pthread_t threads[THREADS];
    int64_t started = kn_now_us();
    talk_open(&talk, &(struct kn_sandbox_options){.at_once = 1, .latency = {.mean_s = 0.05}});
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_slowly, &talk), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(kn_now_us() - started >= THREADS * 50000);
    talk_close(&talk);
}

/* Closing ends a request that would take a minute. */
static void closing_ends_what_waits(void **state)
{
    (void)state;
    struct talk talk;
    pthread_t thread;
    int64_t started = kn_now_us();
    talk_open(&talk, &(struct kn_sandbox_options){.latency = {.mean_s = 60}});
    assert_int_equal(pthread_create(&thread, NULL, ask_slowly, &talk), 0);
    json_int_t asked = 0;
    struct talk look = {.sandbox = talk.sandbox, .http = talk.http, .arena = kn_arena_new()};
    while (asked == 0) {
        assert_int_equal(talk_get(&look, "/sandbox/ledger"), 200);
        asked = json_integer_value(
            json_object_get(json_object_get(look.json, "counts"), "at_once_most"));
    }
    json_decref(look.json);
    kn_arena_free(look.arena);
    kn_sandbox_stop(talk.sandbox);
    struct kn_sandbox_counts counts;
    kn_sandbox_counts(talk.sandbox, &counts);
    assert_int_equal(counts.requests, 1); /* what was in flight is counted */
    kn_sandbox_close(KN_MOVE(talk.sandbox));
    pthread_join(thread, NULL);
    assert_true(kn_now_us() - started < 30000000);
    talk_close(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_in_order_and_within_the_sound),
        cmocka_unit_test(another_seed_says_something_else),
        cmocka_unit_test(every_format_has_its_form),
        cmocka_unit_test(what_the_service_refuses_is_refused),
        cmocka_unit_test(too_large_and_too_short_files_are_refused),
        cmocka_unit_test(silence_says_nothing),
        cmocka_unit_test(keys_are_checked),
        cmocka_unit_test(answers_fit_the_schema_and_name_what_the_prompt_names),
        cmocka_unit_test(the_names_of_answers_are_known),
        cmocka_unit_test(wrong_chats_are_refused),
        cmocka_unit_test(pictures_must_be_what_they_say),
        cmocka_unit_test(over_the_limit_is_429_with_the_time_to_wait),
        cmocka_unit_test(over_the_limit_costs_nothing),
        cmocka_unit_test(latency_is_drawn_by_content_not_by_order),
        cmocka_unit_test(accidents_happen_on_the_wire),
        cmocka_unit_test(accidents_happen_in_the_answer),
        cmocka_unit_test(times_can_be_wrong),
        cmocka_unit_test(a_script_says_what_is_said),
        cmocka_unit_test(wrong_scripts_are_told_where),
        cmocka_unit_test(pieces_of_a_source_are_found_by_their_names),
        cmocka_unit_test(whisper_cpp_has_its_own_manners),
        cmocka_unit_test(the_ledger_tells_what_was_asked),
        cmocka_unit_test(many_ask_at_once),
        cmocka_unit_test(one_at_a_time_means_that),
        cmocka_unit_test(closing_ends_what_waits),
    };
    return cmocka_run_group_tests(tests, make_sound, drop_sound);
}
