/* For tests of the sandbox's platform half: requests with a token, and what was posted. */
#ifndef KN_TESTS_PLATFORM_HELP_H
#define KN_TESTS_PLATFORM_HELP_H

#include "support/sandbox_help.h"

#include "base/str.h"

enum { PLATFORM_HEADERS_MAX = 8 };

/* A request to come; zero is GET without a body. Headers are "Name: value", ended by NULL. */
struct ask {
    const char *method, *path, *token;
    const char *headers[PLATFORM_HEADERS_MAX];
    const void *body;
    size_t size;
};

/* The status, or minus that of the transfer; the answer is in `talk`. */
static inline int ask(struct talk *talk, struct ask asked)
{
    struct kn_http_header headers[PLATFORM_HEADERS_MAX + 1];
    int count = 0;
    if (asked.token)
        headers[count++] = (struct kn_http_header){
            "Authorization", kn_arena_printf(talk->arena, "Bearer %s", asked.token)};
    for (int i = 0; i < PLATFORM_HEADERS_MAX && asked.headers[i]; i++) {
        const char *colon = strstr(asked.headers[i], ": ");
        headers[count++] = (struct kn_http_header){
            kn_arena_strndup(talk->arena, asked.headers[i], (size_t)(colon - asked.headers[i])),
            colon + 2};
    }
    struct kn_http_request request = {.method = asked.method,
                                      .headers = headers,
                                      .header_count = count,
                                      .body = asked.body,
                                      .body_size = asked.size,
                                      .limit_ms = 30000};
    return talk_send(talk, &request, asked.path);
}

static inline int ask_json(struct talk *talk, const char *method, const char *path,
                           const char *token, const char *body)
{
    return ask(talk, (struct ask){.method = method,
                                  .path = path,
                                  .token = token,
                                  .headers = {"Content-Type: application/json; charset=UTF-8"},
                                  .body = body,
                                  .size = strlen(body)});
}

static inline int ask_form(struct talk *talk, const char *path, const char *body)
{
    return ask(talk, (struct ask){.method = "POST",
                                  .path = path,
                                  .headers = {"Content-Type: application/x-www-form-urlencoded"},
                                  .body = body,
                                  .size = strlen(body)});
}

/* A text of the last answer, by names that are parted by dots and numbers: "items.0.id"; "". */
static inline const char *told(const struct talk *talk, const char *path)
{
    const json_t *at = talk->json;
    char name[64];
    for (; *path && at; path += *path == '.') {
        size_t size = strcspn(path, ".");
        memcpy(name, path, size);
        name[size] = '\0';
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
                               : json_object_get(at, name);
        path += size;
    }
    if (json_is_integer(at))
        return kn_arena_printf(talk->arena, "%lld", (long long)json_integer_value(at));
    return json_is_string(at) ? json_string_value(at) : "";
}

/* A token for an account and scopes (NULL: all of them), without a consent. */
static inline const char *token_for(struct talk *talk, const char *platform, const char *account,
                                    const char *scopes)
{
    KN_SCOPED_JSON asked = json_pack("{s:s, s:s}", "platform", platform, "account", account);
    if (scopes)
        json_object_set_new(asked, "scopes", json_string(scopes));
    KN_SCOPED_STR body = {0};
    kn_json_add(&body, asked, true);
    assert_int_equal(ask_json(talk, "POST", "/sandbox/token", NULL, kn_str_text(&body)), 200);
    return kn_arena_strdup(talk->arena, told(talk, "access_token"));
}

static inline void advance(struct talk *talk, double seconds)
{
    char body[64];
    snprintf(body, sizeof body, "{\"advance_s\": %.3f}", seconds);
    assert_int_equal(ask_json(talk, "POST", "/sandbox/clock", NULL, body), 200);
}

static inline void set(struct talk *talk, const char *settings)
{
    assert_int_equal(ask_json(talk, "POST", "/sandbox/settings", NULL, settings), 200);
}

/* A header of the last answer; "" where it is not there. */
static inline const char *head_of(const struct talk *talk, const char *name)
{
    const char *value = kn_http_header(&talk->answer, name);
    return value ? value : "";
}

/* A field of the ledger's post of that number, from 0 on. */
static inline void expect_ledger(struct talk *talk, int number, const char *field,
                                 const char *wanted)
{
    char path[64];
    snprintf(path, sizeof path, "posts.%d.%s", number, field);
    assert_int_equal(ask(talk, (struct ask){.path = "/sandbox/posts"}), 200);
    assert_string_equal(told(talk, path), wanted);
}

static inline int posts_in_ledger(struct talk *talk)
{
    assert_int_equal(ask(talk, (struct ask){.path = "/sandbox/posts"}), 200);
    return (int)json_array_size(json_object_get(talk->json, "posts"));
}

/* Opens a sandbox that meets these faults, a list that ends with NULL; NULL: none. */
static inline void talk_open_with(struct talk *talk, const char *const *faults)
{
    struct kn_sandbox_fault rules[8];
    struct kn_sandbox_options options = {.faults = rules};
    for (; faults && faults[options.fault_count]; options.fault_count++)
        assert_int_equal(
            kn_sandbox_fault_parse(faults[options.fault_count], &rules[options.fault_count], NULL),
            KN_OK);
    talk_open(talk, &options);
}

#define expect_text(talk, path, wanted) assert_string_equal(told(talk, path), wanted)

#endif
