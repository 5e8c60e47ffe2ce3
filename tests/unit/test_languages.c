/* Names and codes of languages, as services have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ai/languages.h"

static void languages_have_names_and_codes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *tag;
    } tags[] = {{"english", "en"},  {"English", "en"},   {"en", "en"},
                {"EN-us", "en"},    {"japanese", "ja"},  {"haitian creole", "ht"},
                {"mandarin", "zh"}, {"jw", "jv"},        {"cantonese", "yue"},
                {"yue", "yue"},     {"pt_BR", "pt"},     {"klingon", NULL},
                {"", NULL},         {"e", NULL},         {"eng", NULL},
                {"nynorsk", "nn"},  {"hawaiian", "haw"}, {"castilian", "es"},
                {NULL, NULL}};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        const char *tag = kn_language_tag(tags[i].name);
        if (tag != tags[i].tag && (!tag || !tags[i].tag || strcmp(tag, tags[i].tag) != 0))
            fail_msg("%s: %s", tags[i].name, tag ? tag : "none");
    }
    assert_string_equal(kn_language_iso639_1("ja-JP"), "ja");
    assert_string_equal(kn_language_iso639_1("nb"), "no");
    assert_null(kn_language_iso639_1("yue"));
    assert_null(kn_language_iso639_1("xx"));
    assert_null(kn_language_iso639_1(NULL));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(languages_have_names_and_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
