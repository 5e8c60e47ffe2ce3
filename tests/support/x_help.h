/* For tests of the emulated X: uploads in one line, and what is said of them. */
#ifndef KN_TESTS_X_HELP_H
#define KN_TESTS_X_HELP_H

#include "support/platform_help.h"

#define UPLOAD "/2/media/upload/"

/* A picture of one pixel: the smallest GIF. */
static const unsigned char gif[] = {'G', 'I', 'F', '8', '9', 'a', 1,   0,   1, 0, 0x80, 0,
                                    0,   0,   0,   0,   255, 255, 255, ',', 0, 0, 0,    0,
                                    1,   0,   1,   0,   0,   2,   2,   'D', 1, 0, ';'};

struct stage {
    struct talk talk;
    const char *token;
    const char *id; /* of the upload that was opened last */
};

static inline void stage_open(struct stage *stage, const char *const *faults)
{
    struct kn_sandbox_fault rules[4];
    struct kn_sandbox_options options = {.faults = rules};
    for (; faults && faults[options.fault_count]; options.fault_count++)
        assert_int_equal(
            kn_sandbox_fault_parse(faults[options.fault_count], &rules[options.fault_count], NULL),
            KN_OK);
    *stage = (struct stage){0};
    talk_open(&stage->talk, &options);
    stage->token = token_for(&stage->talk, "x", "demo", NULL);
}

static inline int send_json(struct stage *stage, const char *path, const char *body)
{
    return ask_json(&stage->talk, "POST", path, stage->token, body);
}

static inline int look(struct stage *stage, const char *path)
{
    return ask(&stage->talk, (struct ask){.path = path, .token = stage->token});
}

/* What the answer says was wrong: its detail, or the first of its errors. */
static const char *said(const struct stage *stage)
{
    const char *message = told(&stage->talk, "errors.0.message");
    return *message ? message : told(&stage->talk, "detail");
}

static inline void expect(struct stage *stage, int status, int wanted, const char *words)
{
    if (status != wanted || (words && !strstr(said(stage), words)))
        fail_msg("%d “%s”, not %d with “%s”", status, said(stage), wanted, words ? words : "");
    if (status >= 400)
        assert_string_equal(head_of(&stage->talk, "content-type"), "application/problem+json");
}

static const char *path_to(struct stage *stage, const char *what)
{
    return kn_arena_printf(stage->talk.arena, UPLOAD "%s/%s", stage->id, what);
}

static const char *path_of_status(struct stage *stage)
{
    return kn_arena_printf(stage->talk.arena, "/2/media/upload?command=STATUS&media_id=%s",
                           stage->id);
}

static inline void initialize(struct stage *stage, const char *type, const char *category,
                              size_t bytes)
{
    const char *body = kn_arena_printf(
        stage->talk.arena, "{\"media_type\":\"%s\",\"media_category\":\"%s\",\"total_bytes\":%zu}",
        type, category, bytes);
    assert_int_equal(send_json(stage, UPLOAD "initialize", body), 200);
    stage->id = kn_arena_strdup(stage->talk.arena, told(&stage->talk, "data.id"));
}

/* One segment as multipart; `filename` may be NULL. */
static inline int append(struct stage *stage, const char *index, const char *filename,
                         const void *data, size_t size)
{
    KN_SCOPED_STR body = {0};
    kn_str_printf(&body,
                  "--b1\r\nContent-Disposition: form-data; name=\"segment_index\"\r\n\r\n%s\r\n"
                  "--b1\r\nContent-Disposition: form-data; name=\"media\"%s%s%s\r\n"
                  "Content-Type: application/octet-stream\r\n\r\n",
                  index, filename ? "; filename=\"" : "", filename ? filename : "",
                  filename ? "\"" : "");
    kn_str_add_bytes(&body, data, size);
    kn_str_add(&body, "\r\n--b1--\r\n");
    return ask(
        &stage->talk,
        (struct ask){.method = "POST",
                     .path = path_to(stage, "append"),
                     .token = stage->token,
                     .headers = {"Content-Type: multipart/form-data; boundary=b1", "Expect: "},
                     .body = body.at,
                     .size = body.length});
}

static inline int finalize(struct stage *stage)
{
    return ask(
        &stage->talk,
        (struct ask){.method = "POST", .path = path_to(stage, "finalize"), .token = stage->token});
}

static inline void upload(struct stage *stage, const char *type, const char *category)
{
    initialize(stage, type, category, sizeof gif);
    assert_int_equal(append(stage, "0", NULL, gif, sizeof gif), 200);
    assert_int_equal(finalize(stage), 200);
}

static inline int post(struct stage *stage, const char *text)
{
    return send_json(stage, "/2/tweets",
                     kn_arena_printf(stage->talk.arena, "{\"text\":\"%s\"}", text));
}

static inline void expect_posts(struct stage *stage, size_t count)
{
    assert_int_equal(ask(&stage->talk, (struct ask){.path = "/sandbox/posts"}), 200);
    assert_int_equal(json_array_size(json_object_get(stage->talk.json, "posts")), count);
}

#endif
