#include "sandbox/platforms/x_form.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char malformed[] = "The multipart body is malformed.";

bool kn_xapi_form_begin(struct kn_xapi_form *form, const char *content_type)
{
    *form = (struct kn_xapi_form){0};
    return kn_boundary_find(content_type, "multipart/form-data", form->mark);
}

/* The value of name="…" in a part's head; a file's name is another parameter. In the arena. */
static const char *part_name(struct kn_arena *arena, const char *head)
{
    for (const char *at = strcasestr(head, "name="); at; at = strcasestr(at, "name=")) {
        bool own = at > head && strchr("; \t", at[-1]);
        at += strlen("name=");
        bool quoted = *at == '"';
        if (own)
            return kn_arena_strndup(arena, at + quoted,
                                    strcspn(at + quoted, quoted ? "\"" : "; \t\r\n"));
    }
    return "";
}

/* NULL: it is taken. */
static const char *take_part(struct kn_xapi_form *form, const char *name, const char *at,
                             size_t size, struct kn_arena *arena)
{
    if (strcmp(name, "segment_index") == 0 && !form->index) {
        form->index = kn_arena_strndup(arena, at, size);
    } else if (strcmp(name, "media") == 0 && !form->data) {
        form->data = (const unsigned char *)at;
        form->size = size;
    } else {
        return "The multipart body has a part that is unknown, or there twice.";
    }
    return NULL;
}

/* The part whose head begins at *at; NULL: it is taken, and *at is behind the next boundary. */
static const char *read_part(struct kn_xapi_form *form, const char **at, const char *end,
                             struct kn_arena *arena)
{
    size_t length = strlen(form->mark);
    const char *content = memmem(*at, (size_t)(end - *at), "\r\n\r\n", 4);
    if (!content)
        return malformed;
    content += 4;
    const char *close = memmem(content, (size_t)(end - content), form->mark, length);
    if (!close)
        return malformed;
    const char *head = kn_arena_strndup(arena, *at, (size_t)(content - *at));
    *at = close + length;
    return take_part(form, part_name(arena, head), content, (size_t)(close - content), arena);
}

const char *kn_xapi_form_read(struct kn_xapi_form *form, const char *body, size_t size,
                              struct kn_arena *arena)
{
    const char *end = body + size, *why = NULL;
    const char *first = form->mark + 2; /* it may be without the line end */
    const char *at = memmem(body, size, first, strlen(first));
    if (!at)
        return malformed;
    at += strlen(first);
    while (!why && end - at >= 2 && memcmp(at, "\r\n", 2) == 0)
        why = read_part(form, &at, end, arena);
    if (why)
        return why;
    return end - at >= 2 && memcmp(at, "--", 2) == 0 ? NULL : malformed;
}
