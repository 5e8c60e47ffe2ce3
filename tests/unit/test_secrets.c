/* Keys that answers repeat: all of them, parts of them, hidden and in places where nobody looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ai/chat_answer.h"
#include "ai/secrets.h"
#include "base/json.h"
#include "support/arena_state.h"

#define KEY   "sk-proj-0123456789ABCDEFghij"
#define OTHER "gsk_zyxwvutsrqponmlk"

static void texts_lose_what_they_share_with_a_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *key, *left;
        size_t least;
    } cases[] = {
        {"Bearer " KEY "!", KEY, "Bearer ****************************!", 16},
        {"0123456789ABCDEF", KEY, "****************", 16},
        {"0123456789ABCDE, sk-proj-", KEY, NULL, 16},
        {"sk-proj-****ghij", KEY, "************ghij", 6},
        {"the key abc", "abc", "the key ***", 16},
        {"aaaaab", "aab", "aaa***", 16},
        {"sk-proj-01234567\xE2\x80\x8B"
         "89ABCDEFghij",
         KEY, "*******************************", 16},
        {"sk-\x01proj-0123456789\xEF\xBF\xBD"
         "ABCDEFghij\xE2\x80\x8B.",
         KEY, "********************************\xE2\x80\x8B.", 16},
        {"sk proj 0123456789 ABCDEF", KEY, NULL, 16},
        {"眠る sk-proj-0123456789ABCDEFghij 眠る", KEY, "眠る **************************** 眠る",
         16},
        {"", KEY, NULL, 16},
        {"anything", "", NULL, 16},
    };
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++) {
        char text[128];
        snprintf(text, sizeof text, "%s", cases[i].text);
        bool changed = kn_blot_out(text, cases[i].key, cases[i].least);
        const char *left = cases[i].left ? cases[i].left : cases[i].text;
        if (changed != (cases[i].left != NULL) || strcmp(text, left) != 0)
            fail_msg("case %d: “%s”", (int)i, text);
    }
}

static void documents_lose_them_wherever_they_stand(void **state)
{
    (void)state;
    static const char *const keys[] = {KEY, NULL, OTHER, KEY, "ollama"};
    KN_SCOPED(kn_secrets) secrets = kn_secrets_new(keys, (int)KN_COUNT_OF(keys));
    KN_SCOPED_JSON json = json_pack("{s:[s, i, {s:s}], s:s, s:n, s:s}", "list", "x " KEY, 1, "deep",
                                    OTHER OTHER, "of " KEY, KEY, "none", "plain", "run ollama");
    KN_SCOPED_STR text = {0};
    kn_secrets_blot(secrets, json);
    kn_json_add(&text, json, true);
    assert_null(strstr(text.at, "0123456789ABCDEF"));
    assert_null(strstr(text.at, "gsk_"));
    assert_non_null(strstr(text.at, "\"of ****************************\""));
    assert_non_null(strstr(text.at, "x ****"));
    assert_string_equal(json_string_value(json_object_get(json, "plain")), "run ollama");
    kn_secrets_blot(secrets, NULL);
    kn_secrets_blot(NULL, json);
    kn_secrets_free(NULL);
}

/* JSON inside of a JSON text may spell a key in its own way, in a field's name as well. */
static void a_models_document_loses_them_too(void **state)
{
    static const char *const keys[] = {KEY};
    KN_SCOPED(kn_secrets) secrets = kn_secrets_new(keys, 1);
    KN_SCOPED_JSON schema =
        json_pack("{s:s, s:b, s:[s], s:{s:{s:s}}}", "type", "object", "additionalProperties", 0,
                  "required", "title", "properties", "title", "type", "string");
    static const char *const contents[] = {
        "{\"title\": \"\\u0073k-proj-0123456789ABCDEFghij\"}",
        "{\"title\": \"x\", \"\\u0073k-proj-0123456789ABCDEFghij\": 1}",
    };
    for (size_t i = 0; i < KN_COUNT_OF(contents); i++) {
        KN_SCOPED_JSON answer =
            json_pack("{s:[{s:{s:s}}]}", "choices", "message", "content", contents[i]);
        struct kn_chat_reading reading;
        struct kn_error err = {0};
        enum kn_chat_verdict verdict =
            kn_chat_read(answer, schema, secrets, *state, &reading, &err);
        const char *title = json_string_value(json_object_get(reading.content, "title"));
        assert_int_equal(verdict, i ? KN_CHAT_FLAWED : KN_CHAT_GOOD);
        if (i)
            assert_non_null(strstr(err.text, "**** is a field that was not asked for"));
        else
            assert_string_equal(title, "****************************");
        json_decref(reading.content);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_lose_what_they_share_with_a_key),
        cmocka_unit_test(documents_lose_them_wherever_they_stand),
        ARENA_TEST(a_models_document_loses_them_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
