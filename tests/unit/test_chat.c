#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ai/chat_answer.h"
#include "ai/openai_chat.h"
#include "ai/prompt.h"
#include "ai/schema.h"
#include "base/clock.h"
#include "chat_support.h"
#include "support/arena_state.h"
#include "support/temp_folder.h"

static const char schema_text[] =
    "{'type': 'object', 'additionalProperties': false, 'required': ['items', 'mood'],"
    " 'properties': {"
    "  'mood': {'type': 'string', 'enum': ['good', 'bad']},"
    "  'items': {'type': 'array', 'items': {'type': 'object', 'additionalProperties': false,"
    "   'required': ['n', 'note'],"
    "   'properties': {'n': {'type': 'integer'}, 'note': {'type': ['string', 'null']}}}}}}";

static const char good[] = "{\"items\":[{\"n\":1,\"note\":null}],\"mood\":\"good\"}";

/* ---- schemas ---- */

static void values_are_checked_against_a_schema(void **state)
{
    (void)state;
    static const struct {
        const char *value, *why; /* NULL: fits */
    } cases[] = {
        {"{'items': [], 'mood': 'bad'}", NULL},
        {"{'items': [{'n': 3, 'note': 'x'}, {'n': 4.0, 'note': null}], 'mood': 'good'}", NULL},
        {"[]", "the answer is an array; it has to be an object"},
        {"{'mood': 'good'}", "the answer has no field \"items\""},
        {"{'items': {}, 'mood': 'good'}", "items is an object; it has to be an array"},
        {"{'items': [], 'mood': 'odd'}", "mood is none of the values that are allowed"},
        {"{'items': [], 'mood': 7}", "mood is a number; it has to be a string"},
        {"{'items': [], 'mood': null}", "mood is null; it has to be a string"},
        {"{'items': [], 'mood': 'good', 'more': 1}", "more is a field that was not asked for"},
        {"{'items': [{'n': 1, 'note': 'x'}, {'n': 1.5, 'note': 'x'}], 'mood': 'good'}",
         "items[1].n is a number; it has to be an integer"},
        {"{'items': [{'n': '1', 'note': 'x'}], 'mood': 'good'}",
         "items[0].n is a string; it has to be an integer"},
        {"{'items': [{'n': 1, 'note': true}], 'mood': 'good'}",
         "items[0].note is a boolean; it has to be a string or null"},
        {"{'items': [{'n': 1}], 'mood': 'good'}", "items[0] has no field \"note\""},
        {"{'items': [3], 'mood': 'good'}", "items[0] is a number; it has to be an object"},
        {"{'items': [{'n': 1, 'note': null, 'x\\u0007y': 2}], 'mood': 'good'}",
         "items[0].x?y is a field that was not asked for"},
    };
    KN_SCOPED_JSON schema = kn_prompt_schema(schema_text);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        KN_SCOPED_JSON value = kn_prompt_schema(cases[i].value);
        struct kn_error err = {0};
        enum kn_status status = kn_schema_check(schema, value, &err);
        assert_int_equal(status, cases[i].why ? KN_DAMAGED : KN_OK);
        assert_string_equal(err.text, cases[i].why ? cases[i].why : "");
    }
}

/* ---- answers ---- */

#define G KN_CHAT_GOOD
#define F KN_CHAT_FLAWED
#define R KN_CHAT_REFUSED
#define N KN_CHAT_NONE

static void answers_are_judged(void **state)
{
    static const struct {
        enum kn_chat_verdict verdict;
        const char *answer;
        const char *why;
    } cases[] = {
        /* As text, in parts, as an object; with and without a reason to end. */
        {G, "{'choices':[{'message':{'content':'{@good@}'},'finish_reason':'stop'}]}", NULL},
        {G, "{'choices':[{'message':{'content':'{@good@}','refusal':null}}]}", NULL},
        {G, "{'choices':[{'message':{'content':'{@good@}','refusal':''},'finish_reason':null}]}",
         NULL},
        {G, "{'choices':[{'message':{'content':[{'type':'text','text':'{@good@}'}]}}]}", NULL},
        {G, "{'choices':[{'message':{'content':{'items':[],'mood':'bad'}}}]}", NULL},
        {G, "{'error':null,'choices':[{'message':{'content':'{@good@}'}}]}", NULL},
        /* Around the JSON. */
        {G, "{'choices':[{'message':{'content':'```json\\n{@good@}\\n```'}}]}", NULL},
        {G, "{'choices':[{'message':{'content':'```\\n{@good@}\\n```\\n'}}]}", NULL},
        {G, "{'choices':[{'message':{'content':' \\n{@good@} Enjoy!'}}]}", NULL},
        {G, "{'choices':[{'message':{'content':'Here it is:\\n{@good@}'}}]}", NULL},
        {G, "{'choices':[{'message':{'content':'\\ufeff{@good@}'}}]}", NULL},
        {G, "{'choices':[{'message':{'content':'<think>{no}</think>\\n{@good@}'}}]}", NULL},
        /* Whole, though it reached its bound. */
        {G, "{'choices':[{'message':{'content':'{@good@}'},'finish_reason':'length'}]}", NULL},
        /* Flawed. */
        {F, "{'choices':[{'message':{'content':'{@cut@'},'finish_reason':'length'}]}", "cut off"},
        {F, "{'choices':[{'message':{'content':'{@cut@'},'finish_reason':'stop'}]}", "not JSON"},
        {F, "{'choices':[{'message':{'content':'I like cats.'}}]}", "not JSON"},
        {F, "{'choices':[{'message':{'content':''}}]}", "empty"},
        {F, "{'choices':[{'message':{'content':null}}]}", "empty"},
        {F, "{'choices':[{'message':{'content':17}}]}", "empty"},
        {F, "{'choices':[{'message':{}}]}", "empty"},
        {F, "{'choices':[{'message':{'content':'[]'}}]}", "an array"},
        {F, "{'choices':[{'message':{'content':'{}'}}]}", "no field"},
        {F, "{'choices':[{'message':{'content':'<think>{@good@}'}}]}", NULL},
        {F, "{'choices':[{'message':{'content':'{\\'items\\':[],\\'mood\\':\\'\\\\u0000\\'}'}}]}",
         "none of the values"},
        {F, "{'choices':[{'message':{'content':[{'type':'image'},3,null]}}]}", "empty"},
        /* Declined. */
        {R, "{'choices':[{'message':{'content':null,'refusal':'I cannot do that.'}}]}",
         "declined to answer: I cannot do that."},
        {R, "{'choices':[{'message':{'content':'{@good@}'},'finish_reason':'content_filter'}]}",
         "content filter"},
        {R, "{'choices':[{'message':{'refusal':'a\\u001b[2Jb'}}]}", "a?[2Jb"},
        /* None. */
        {N, "{'error':{'message':'Overloaded','type':'server_error','code':null}}",
         "no chat completion"},
        {N, "{'error':'failed to load model'}", "no chat completion"},
        {N, "{'error':{'code':500}}", "no chat completion"},
        {N, "{'choices':[],'error':{'message':'Nope'}}", "no chat completion"},
        {N, "{'choices':[]}", "no chat completion"},
        {N, "{'choices':{}}", "no chat completion"},
        {N, "{'choices':[{'text':'old style'}]}", "no chat completion"},
        {N, "{'choices':[{'message':'hello'}]}", "no chat completion"},
        {N, "{}", "no chat completion"},
        {N, "[1]", "no chat completion"},
    };
    KN_SCOPED_JSON schema = kn_prompt_schema(schema_text);
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        KN_SCOPED_STR text = {0};
        for (const char *at = cases[i].answer; *at; at++) {
            if (kn_starts_with(at, "{@good@}") || kn_starts_with(at, "{@cut@")) {
                bool cut = at[2] == 'c';
                for (size_t k = 0; k < strlen(good) - (cut ? 9 : 0); k++)
                    kn_str_printf(&text, good[k] == '"' ? "\\\"" : "%c", good[k]);
                at += cut ? 5 : 7;
            } else if (at[0] == '\\' && at[1] == '\'') {
                kn_str_add(&text, "\\\"");
                at++;
            } else {
                kn_str_add_char(&text, *at == '\'' ? '"' : *at);
            }
        }
        KN_SCOPED_JSON answer = json_loads(kn_str_text(&text), 0, NULL);
        if (!answer)
            fail_msg("case %d is no JSON: %s", (int)i, kn_str_text(&text));
        struct kn_chat_reading reading;
        struct kn_error err = {0};
        enum kn_chat_verdict verdict = kn_chat_read(answer, schema, NULL, *state, &reading, &err);
        if (verdict != cases[i].verdict)
            fail_msg("case %d: %d and not %d, %s", (int)i, verdict, cases[i].verdict, err.text);
        if (cases[i].why && !strstr(err.text, cases[i].why))
            fail_msg("case %d: %s", (int)i, err.text);
        assert_true((reading.content != NULL) == (verdict == KN_CHAT_GOOD));
        json_decref(reading.content);
    }
}

static void an_endless_answer_is_flawed(void **state)
{
    KN_SCOPED_JSON schema = kn_prompt_schema(schema_text);
    KN_SCOPED_STR said = {0};
    for (int i = 0; i < KN_CHAT_CONTENT_MAX / 8 + 1; i++)
        kn_str_add(&said, "        ");
    kn_str_add(&said, good);
    KN_SCOPED_MEM char *body = chat_body(said.at, "stop");
    KN_SCOPED_JSON answer = json_loads(body, 0, NULL);
    struct kn_chat_reading reading;
    struct kn_error err = {0};
    assert_int_equal(kn_chat_read(answer, schema, NULL, *state, &reading, &err), KN_CHAT_FLAWED);
    assert_non_null(strstr(err.text, "too long"));
}

/* ---- requests ---- */

static void tokens_are_estimated(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t tokens;
    } texts[] = {
        {"", 0},          {"abcd", 1}, {"why we sleep", 3}, {"12:30", 3}, {"どうして眠るのか", 8},
        {"왜 자나요", 5}, {"Сон", 2},  {"\xff\xfe", 1},
    };
    for (size_t i = 0; i < KN_COUNT_OF(texts); i++)
        if (kn_chat_text_tokens(texts[i].text) != texts[i].tokens)
            fail_msg("%s: %d", texts[i].text, (int)kn_chat_text_tokens(texts[i].text));
    static const struct {
        const char *model, *detail;
        int width, height;
        int64_t tokens;
    } images[] = {
        {"gpt-4o", "low", 4000, 3000, 85},
        {"gpt-4o", "high", 1024, 1024, 765},
        {"gpt-4o", "high", 2048, 4096, 1105},
        {"gpt-4o", "high", 512, 288, 255},
        {"gpt-4o", NULL, 1024, 1024, 765},
        {"gpt-4o-mini", "low", 640, 360, 2833},
        {"gpt-4o-mini-2024-07-18", "high", 128, 64, 8500},
        {"gpt-4.1-mini", "high", 1024, 1024, 1659},
        {"gpt-4.1-mini", "high", 9000, 9000, 2489},
        {"openai/gpt-4o-mini", "low", 640, 360, 2833},
        {"llava", "low", 640, 360, 85},
        {"gpt-4o", "high", 0, -5, 255},
    };
    for (size_t i = 0; i < KN_COUNT_OF(images); i++) {
        int64_t tokens = kn_chat_image_tokens(images[i].model, images[i].detail, images[i].width,
                                              images[i].height);
        if (tokens != images[i].tokens)
            fail_msg("case %d: %d", (int)i, (int)tokens);
    }
}

static void models_that_reason_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        bool reasons;
    } cases[] = {
        {"o1", true},
        {"o3-mini", true},
        {"openai/o4-mini", true},
        {"gpt-5", true},
        {"gpt-5-mini", true},
        {"gpt-5.2", true},
        {"gpt-6-sol", true},
        {"gpt-5-chat", false},
        {"gpt-4o", false},
        {"gpt-4.1-mini", false},
        {"o1234x", false},
        {"olmo", false},
        {"", false},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        if (kn_chat_model_reasons(cases[i].model) != cases[i].reasons)
            fail_msg("%s", cases[i].model);
}

static struct kn_chat_question question_of(const json_t *schema, const struct kn_chat_part *parts,
                                           int count)
{
    return (struct kn_chat_question){
        .model = "gpt-4o-mini",
        .system = "Judge.",
        .parts = parts,
        .part_count = count,
        .detail = "low",
        .schema_name = "judgement",
        .schema = schema,
        .answer_tokens = 500,
    };
}

static void a_request_is_as_documented(void **state)
{
    (void)state;
    KN_SCOPED_JSON schema = kn_prompt_schema(schema_text);
    const struct kn_chat_part parts[] = {
        {.text = "Look:"},
        {.jpeg = "\xff\xd8\xff\xe0", .size = 4, .width_px = 640, .height_px = 360}};
    struct kn_chat_question question = question_of(schema, parts, 2);
    KN_SCOPED_JSON request = kn_chat_request(&question, NULL);
    KN_SCOPED_JSON wanted =
        json_pack("{s:s, s:i, s:f, s:[{s:s, s:s}, {s:s, s:[{s:s, s:s}, {s:s, s:{s:s, s:s}}]}],"
                  " s:{s:s, s:{s:s, s:b, s:O}}}",
                  "model", "gpt-4o-mini", "max_completion_tokens", 500, "temperature", 0.2,
                  "messages", "role", "system", "content", "Judge.", "role", "user", "content",
                  "type", "text", "text", "Look:", "type", "image_url", "image_url", "url",
                  "data:image/jpeg;base64,/9j/4A==", "detail", "low", "response_format", "type",
                  "json_schema", "json_schema", "name", "judgement", "strict", 1, "schema", schema);
    assert_non_null(wanted);
    KN_SCOPED_STR got_text = {0};
    kn_json_add(&got_text, request, true);
    if (!json_equal(request, wanted))
        fail_msg("%s", kn_str_text(&got_text));

    question.model = "o4-mini";
    KN_SCOPED_JSON reasoning = kn_chat_request(&question, NULL);
    assert_null(json_object_get(reasoning, "temperature"));
    assert_true(json_integer_value(json_object_get(reasoning, "max_completion_tokens")) > 5000);
    assert_null(json_object_get(reasoning, "max_tokens"));

    /* Servers of other models know the bound by its old name. */
    question.model = "gpt-oss:20b";
    KN_SCOPED_JSON local = kn_chat_request(&question, NULL);
    assert_int_equal(json_integer_value(json_object_get(local, "max_tokens")), 500);

    struct kn_usage most;
    question.model = "gpt-4o-mini";
    kn_chat_estimate(&question, request, &most);
    assert_int_equal(most.output_tokens, 500);
    assert_in_range(most.input_tokens, 2833 + 100, 2833 + 400);
}

static void base64_ends_as_it_should(void **state)
{
    (void)state;
    static const char *const wanted[] = {"", "AQ==", "AQI=", "AQID", "AQIDBA=="};
    KN_SCOPED_JSON schema = kn_prompt_schema(schema_text);
    for (size_t size = 1; size < KN_COUNT_OF(wanted); size++) {
        const struct kn_chat_part part = {.jpeg = "\1\2\3\4", .size = size};
        struct kn_chat_question question = question_of(schema, &part, 1);
        KN_SCOPED_JSON request = kn_chat_request(&question, NULL);
        const json_t *content =
            json_object_get(json_array_get(json_object_get(request, "messages"), 1), "content");
        const char *url = json_string_value(
            json_object_get(json_object_get(json_array_get(content, 0), "image_url"), "url"));
        assert_string_equal(url + strlen("data:image/jpeg;base64,"), wanted[size]);
    }
}

static void languages_are_tags_or_nothing(void **state)
{
    (void)state;
    assert_string_equal(kn_prompt_language("ja", "en"), "ja");
    assert_string_equal(kn_prompt_language("zh-Hant-TW", "en"), "zh-Hant-TW");
    assert_string_equal(kn_prompt_language("en_GB", "de"), "en_GB");
    static const char *const bad[] = {NULL,        "",
                                      "-en",       "en-",
                                      "en--GB",    "english please",
                                      "e\n",       "日本",
                                      "abcdefghi", "en-a1-a2-a3-a4-a5-a6-a7-a8-a9-a10-a11"};
    for (size_t i = 0; i < KN_COUNT_OF(bad); i++)
        assert_string_equal(kn_prompt_language(bad[i], "en"), "en");
}

/* ---- asking ---- */

static enum kn_status only_good_moods(void *arg, const json_t *content, struct kn_error *err)
{
    (void)arg;
    if (strcmp(json_string_value(json_object_get(content, "mood")), "good") == 0)
        return KN_OK;
    return kn_error_set(err, KN_DAMAGED, "only good moods are wanted");
}

static enum kn_status ask(struct fake *model, struct kn_usage *ret_used, json_t **ret_content,
                          struct kn_error *err)
{
    KN_SCOPED_JSON schema = kn_prompt_schema(schema_text);
    const struct kn_chat_part part = {.text = "How is it?"};
    struct kn_chat_question question = question_of(schema, &part, 1);
    KN_SCOPED(kn_budget) budget = kn_budget_new("a count", &(struct kn_budget_limits){0}, NULL);
    question.check = only_good_moods;
    question.budget = budget;
    enum kn_status status = kn_chat_ask(model->service, &question, NULL, ret_content, err);
    kn_budget_used(budget, ret_used);
    return status;
}

/* Bodies of contents, to be freed. */
static void bodies(const char *const *contents, const char *const *reasons, int count,
                   struct fake_answer *ret_turns)
{
    for (int i = 0; i < count; i++)
        ret_turns[i] = (struct fake_answer){.body = chat_body(contents[i], reasons[i])};
}

static void a_good_answer_is_asked_for_once(void **state)
{
    (void)state;
    struct fake_answer turn;
    bodies((const char *[]){good}, (const char *[]){"stop"}, 1, &turn);
    struct fake *model = chat_open(&turn, 1, NULL);
    struct kn_usage usage = {0};
    struct kn_error err = {0};
    KN_SCOPED_JSON content = NULL;
    assert_int_equal(ask(model, &usage, &content, &err), KN_OK);
    assert_string_equal(json_string_value(json_object_get(content, "mood")), "good");
    assert_int_equal(fake_asked(model), 1);
    assert_int_equal(usage.requests, 1);
    assert_int_equal(usage.input_tokens, 100); /* as the answer says, not as was estimated */
    assert_int_equal(usage.output_tokens, 20);
    chat_close(model);
    free((char *)turn.body);
}

static void a_flawed_answer_is_repaired_once(void **state)
{
    (void)state;
    static const struct {
        const char *first, *reason, *complaint;
    } cases[] = {
        {"{\"items\":[]}", "stop", "no field \"mood\""},
        {"{\"items\":[],\"mood\":\"bad\"}", "stop", "only good moods are wanted"},
        {"{\"items\":[{\"n\":1", "length", "cut off"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct fake_answer turns[2];
        bodies((const char *[]){cases[i].first, good}, (const char *[]){cases[i].reason, "stop"}, 2,
               turns);
        struct fake *model = chat_open(turns, 2, NULL);
        struct kn_usage usage = {0};
        struct kn_error err = {0};
        KN_SCOPED_JSON content = NULL;
        assert_int_equal(ask(model, &usage, &content, &err), KN_OK);
        assert_int_equal(fake_asked(model), 2);
        assert_int_equal(usage.requests, 2);
        assert_string_equal(chat_heard(model, 1, 2), cases[i].first);
        assert_non_null(strstr(chat_heard(model, 1, 3), cases[i].complaint));
        KN_SCOPED_JSON repair = chat_request(model, 1);
        json_int_t room = json_integer_value(json_object_get(repair, "max_completion_tokens"));
        assert_int_equal(room, strcmp(cases[i].reason, "length") == 0 ? 1000 : 500);
        chat_close(model);
        free((char *)turns[0].body);
        free((char *)turns[1].body);
    }
}

static void twice_flawed_is_damaged(void **state)
{
    (void)state;
    struct fake_answer turns[2];
    bodies((const char *[]){"no", "{\"items\":[],\"mood\":\"bad\"}"},
           (const char *[]){"stop", "stop"}, 2, turns);
    struct fake *model = chat_open(turns, 2, NULL);
    struct kn_usage usage = {0};
    struct kn_error err = {0};
    json_t *content = NULL;
    assert_int_equal(ask(model, &usage, &content, &err), KN_DAMAGED);
    assert_null(content);
    assert_string_equal(err.text, "the model gpt-4o-mini gave no usable answer, even asked again: "
                                  "only good moods are wanted");
    assert_int_equal(usage.requests, 2);
    chat_close(model);
    free((char *)turns[0].body);
    free((char *)turns[1].body);
}

static void a_long_flawed_answer_is_shown_in_part(void **state)
{
    (void)state;
    KN_SCOPED_STR said = {0};
    for (int i = 0; i < 20000; i++)
        kn_str_add(&said, "眠");
    struct fake_answer turns[2];
    bodies((const char *[]){said.at, good}, (const char *[]){"stop", "stop"}, 2, turns);
    struct fake *model = chat_open(turns, 2, NULL);
    struct kn_usage usage = {0};
    struct kn_error err = {0};
    KN_SCOPED_JSON content = NULL;
    assert_int_equal(ask(model, &usage, &content, &err), KN_OK);
    assert_in_range(strlen(chat_heard(model, 1, 2)), 10000, 12288);
    chat_close(model);
    free((char *)turns[0].body);
    free((char *)turns[1].body);
}

static void who_declines_is_not_asked_again(void **state)
{
    (void)state;
    const struct fake_answer turn = {
        .body = "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"No, sorry.\"}}]}"};
    struct fake *model = chat_open(&turn, 1, NULL);
    struct kn_usage usage = {0};
    struct kn_error err = {0};
    json_t *content = NULL;
    assert_int_equal(ask(model, &usage, &content, &err), KN_DAMAGED);
    assert_string_equal(err.text, "the model gpt-4o-mini gave no usable answer: declined to "
                                  "answer: No, sorry.");
    assert_int_equal(usage.output_tokens, 500); /* it says no usage, so it may have been all */
    chat_close(model);
}

static void what_cannot_be_asked_is_refused_here(void **state)
{
    (void)state;
    static char data[1];
    static struct kn_chat_part parts[KN_CHAT_IMAGES_MAX + 1];
    KN_SCOPED_JSON schema = kn_prompt_schema(schema_text);
    struct kn_error err = {0};
    json_t *content = NULL;
    for (size_t i = 0; i < KN_COUNT_OF(parts); i++)
        parts[i] = (struct kn_chat_part){.jpeg = data, .size = 1};
    struct kn_chat_question question = question_of(schema, parts, KN_CHAT_IMAGES_MAX + 1);
    assert_int_equal(kn_chat_ask(NULL, &question, NULL, &content, &err), KN_INVALID);
    parts[0].size = (size_t)KN_CHAT_IMAGE_BYTES_MAX + 1;
    question.part_count = 1;
    assert_int_equal(kn_chat_ask(NULL, &question, NULL, &content, &err), KN_INVALID);
    question.part_count = 0;
    question.model = NULL;
    assert_int_equal(kn_chat_ask(NULL, &question, NULL, &content, &err), KN_INVALID);
    assert_string_equal(err.text, "no model is set for the chat service");
}

/* ---- bad days ---- */

static void what_may_pass_is_tried_again(void **state)
{
    (void)state;
    KN_SCOPED_MEM char *body = chat_body(good, "stop");
    const struct fake_answer bad[] = {
        {.body = "{\"error\":{\"message\":\"busy\",\"type\":\"server_error\"}}", .status = 500},
        {.body = "{\"error\":{\"message\":\"busy\",\"type\":\"server_error\"}}"},
        {.body = "{\"choices\":[{\"mess"},
        {.body = ""},
        {.body = "{\"choices\":[]}"},
        {.body = body, .fault = KN_REPLY_CUT, .cut_at = 40},
        {.fault = KN_REPLY_NOTHING},
    };
    for (size_t i = 0; i < KN_COUNT_OF(bad); i++) {
        const struct fake_answer turns[] = {bad[i], {.body = body}};
        struct kn_usage usage = {0};
        struct kn_error err = {0};
        KN_SCOPED_JSON content = NULL;
        struct fake *model = chat_open(turns, 2, NULL);
        enum kn_status status = ask(model, &usage, &content, &err);
        if (status != KN_OK || fake_asked(model) != 2)
            fail_msg("case %d: asked %d times: %s", (int)i, fake_asked(model), err.text);
        chat_close(model);
    }
}

static void what_stays_bad_is_said_in_one_sentence(void **state)
{
    (void)state;
    static const struct {
        struct fake_answer turn;
        enum kn_status status;
        int asked;
        const char *sentence;
    } cases[] = {
        {{.body = "{\"error\":{\"message\":\"No such model\",\"code\":\"model_not_found\"}}",
          .status = 404},
         KN_NOT_FOUND,
         1,
         "gpt-4o-mini"},
        {{.body = "{\"error\":{\"message\":\"Incorrect API key\",\"code\":\"invalid_api_key\"}}",
          .status = 401},
         KN_DENIED,
         1,
         "OPENAI_API_KEY"},
        {{.body = "{\"choices\":[]}"}, KN_DAMAGED, 2, "no chat completion"},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        struct kn_usage usage = {0};
        struct kn_error err = {0};
        json_t *content = NULL;
        struct fake *model = chat_open(&cases[i].turn, 1, NULL);
        enum kn_status status = ask(model, &usage, &content, &err);
        if (status != cases[i].status || fake_asked(model) != cases[i].asked ||
            !strstr(err.text, cases[i].sentence))
            fail_msg("case %d: %d, asked %d times: %s", (int)i, status, fake_asked(model),
                     err.text);
        assert_null(content);
        chat_close(model);
    }
}

static void only_good_answers_are_kept(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    struct fake_answer turns[2];
    struct kn_error err = {0};
    assert_non_null(temp_folder_make(folder));
    bodies((const char *[]){"{\"items\":[]}", good}, (const char *[]){"stop", "stop"}, 2, turns);
    struct fake *model = chat_open(turns, 2, folder);
    static const struct {
        int asked, cached;
    } after[] = {
        {2, 0}, /* a flawed one, and its repair */
        {3, 0}, /* the flawed one was not kept, so it is asked again, and is good this time */
        {3, 1}, /* that is kept */
    };
    for (size_t i = 0; i < KN_COUNT_OF(after); i++) {
        struct kn_usage usage = {0};
        KN_SCOPED_JSON content = NULL;
        assert_int_equal(ask(model, &usage, &content, &err), KN_OK);
        assert_int_equal(fake_asked(model), after[i].asked);
        assert_int_equal(usage.cached, after[i].cached);
        assert_string_equal(json_string_value(json_object_get(content, "mood")), "good");
    }
    chat_close(model);
    free((char *)turns[0].body);
    free((char *)turns[1].body);
    assert_int_equal(temp_folder_remove(folder), 0);
}

static void a_stop_is_heard_at_once(void **state)
{
    (void)state;
    const struct fake_answer turn = {.fault = KN_REPLY_NO_ANSWER};
    struct kn_error err = {0};
    json_t *content = NULL;
    KN_SCOPED_JSON schema = kn_prompt_schema(schema_text);
    const struct kn_chat_part part = {.text = "How is it?"};
    struct kn_chat_question question = question_of(schema, &part, 1);
    struct kn_cancel *cancel = kn_cancel_new(NULL);
    struct fake *model = chat_open(&turn, 1, NULL);
    model->stop = cancel;
    int64_t before_us = kn_now_us();
    assert_int_equal(kn_chat_ask(model->service, &question, cancel, &content, &err), KN_CANCELLED);
    assert_true(kn_now_us() - before_us < 8 * KN_US_PER_S); /* no answer ever comes */
    assert_int_equal(fake_asked(model), 1);
    chat_close(model);
    kn_cancel_free(cancel);
}

static void a_budget_is_not_exceeded(void **state)
{
    (void)state;
    KN_SCOPED_MEM char *body = chat_body("{}", "stop");
    const struct fake_answer turn = {.body = body};
    struct kn_usage usage = {0};
    struct kn_error err = {0};
    json_t *content = NULL;
    KN_SCOPED_JSON schema = kn_prompt_schema(schema_text);
    const struct kn_chat_part part = {.text = "How is it?"};
    struct kn_chat_question question = question_of(schema, &part, 1);
    /* Enough for the question (500 for the answer alone), not for the repair after it. */
    KN_SCOPED(kn_budget)
    budget = kn_budget_new("the job's budget", &(struct kn_budget_limits){.tokens = 800}, NULL);
    question.budget = budget;
    struct fake *model = chat_open(&turn, 1, NULL);
    enum kn_status status = kn_chat_ask(model->service, &question, NULL, &content, &err);
    if (status != KN_LIMIT || fake_asked(model) != 1)
        fail_msg("%d, asked %d times: %s", status, fake_asked(model), err.text);
    kn_budget_used(budget, &usage);
    assert_int_equal(usage.input_tokens + usage.output_tokens, 120);
    chat_close(model);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_checked_against_a_schema),
        ARENA_TEST(answers_are_judged),
        ARENA_TEST(an_endless_answer_is_flawed),
        cmocka_unit_test(tokens_are_estimated),
        cmocka_unit_test(models_that_reason_are_known),
        cmocka_unit_test(a_request_is_as_documented),
        cmocka_unit_test(base64_ends_as_it_should),
        cmocka_unit_test(languages_are_tags_or_nothing),
        cmocka_unit_test(a_good_answer_is_asked_for_once),
        cmocka_unit_test(a_flawed_answer_is_repaired_once),
        cmocka_unit_test(twice_flawed_is_damaged),
        cmocka_unit_test(a_long_flawed_answer_is_shown_in_part),
        cmocka_unit_test(who_declines_is_not_asked_again),
        cmocka_unit_test(what_cannot_be_asked_is_refused_here),
        cmocka_unit_test(what_may_pass_is_tried_again),
        cmocka_unit_test(what_stays_bad_is_said_in_one_sentence),
        cmocka_unit_test(only_good_answers_are_kept),
        cmocka_unit_test(a_stop_is_heard_at_once),
        cmocka_unit_test(a_budget_is_not_exceeded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
