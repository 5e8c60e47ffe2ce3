/* What clips will be posted under, told before they are made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "platform/platform.h"
#include "service/post_ahead.h"
#include "store/store_posts.h"
#include "support/temp_folder.h"

static void lists_mean_platforms(void **state)
{
    static const struct {
        const char *to, *platform;
        bool means;
    } cases[] = {
        {NULL, "x", false},        {"x", "x", true},           {"youtube,x:work", "x", true},
        {"youtube:x", "x", false}, {"all", "x", true},         {"folder,all", "tiktok", true},
        {"xx", "x", false},        {"youtube", "tube", false},
    };
    (void)state;
    for (size_t i = 0; i < KN_COUNT_OF(cases); i++)
        if (kn_posts_mean(cases[i].to, cases[i].platform) != cases[i].means)
            fail_msg("%s, %s", cases[i].to ? cases[i].to : "nothing", cases[i].platform);
}

static void connect(struct kn_store *store, const char *platform, const char *url)
{
    struct kn_error err = {0};
    const struct kn_account account = {.platform = platform,
                                       .name = url[0] ? "sandbox" : "own",
                                       .remote_id = "1",
                                       .service_url = url,
                                       .settings = "{}",
                                       .sealed = "?",
                                       .sealed_size = 1,
                                       .trouble = ""};
    if (kn_store_account_put(store, &account, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
}

/* The platforms whose rules count: "youtube x". */
static const char *ahead(struct kn_store *store, const char *to, const char *sandbox,
                         struct kn_arena *arena)
{
    const struct kn_publish_settings settings = {.to = to, .sandbox = sandbox, .rendition = true};
    const struct kn_renditions_ahead *found = kn_posts_ahead(store, &settings, arena);
    const char *text = "";
    for (const struct kn_platform *const *at = kn_platforms(); *at; at++)
        for (int i = 0; found && i < found->rule_count; i++)
            if (found->rules[i] == (*at)->media)
                text = kn_arena_printf(arena, "%s%s%s", text, text[0] ? " " : "", (*at)->name);
    return text;
}

static void accounts_tell_what_all_is(void **state)
{
    (void)state;
    char folder[PATH_MAX];
    struct kn_arena *arena = kn_arena_new();
    struct kn_store *store = NULL;
    struct kn_error err = {0};
    assert_non_null(temp_folder_make(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
    const struct kn_store_options where = {.where = kn_path_join(arena, folder, "queue.db")};
    if (kn_store_open(&where, &store, &err) != KN_OK)
        fail_msg("%s", kn_error_text(&err));
    connect(store, "youtube", "");
    connect(store, "x", "http://127.0.0.1:1");
    assert_string_equal(ahead(store, NULL, NULL, arena), "");
    assert_string_equal(ahead(store, "all", NULL, arena), "youtube");
    assert_string_equal(ahead(store, "all,x", NULL, arena), "youtube x");
    assert_string_equal(ahead(store, "all", "http://127.0.0.1:1", arena),
                        "youtube tiktok instagram x"); /* each will be connected */
    assert_string_equal(ahead(store, "tiktok:one,folder", NULL, arena), "tiktok folder");
    const struct kn_publish_settings none = {.to = "x"}; /* --no-rendition */
    assert_null(kn_posts_ahead(store, &none, arena));
    kn_store_close(store);
    temp_folder_remove(folder);
    kn_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_mean_platforms),
        cmocka_unit_test(accounts_tell_what_all_is),
    };
    return cmocka_run_group_tests_name("posts ahead", tests, NULL, NULL);
}
