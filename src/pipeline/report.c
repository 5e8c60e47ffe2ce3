#include "pipeline/report.h"

#include <ctype.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "pipeline/report_data.h"
#include "pipeline/report_template.h"
#include "pipeline/result_json.h"

enum { PAGE_BYTES_MAX = 256 << 20 };

void kn_report_url(const char *path, struct kn_str *url)
{
    /* Without "./", a first part such as "javascript:x" would be a scheme and "//x" a host. */
    kn_str_add(url, "./");
    for (const unsigned char *at = (const unsigned char *)path; *at; at++) {
        if ((*at < 0x80 && isalnum(*at)) || strchr("-._~/", *at))
            kn_str_add_char(url, (char)*at);
        else
            kn_str_printf(url, "%%%02X", *at);
    }
}

/*
 * JSON inside a script element: "</script>" and "<!--" would end or change the element, and the two
 * line separators are line ends to older readers. Where these stand in JSON they are inside of
 * strings, so the escapes mean the same.
 */
static void add_inline_json(struct kn_str *html, const struct kn_str *json)
{
    for (size_t i = 0; i < json->length; i++) {
        char c = json->at[i];
        if (c == '<' || c == '>' || c == '&') {
            kn_str_printf(html, "\\u%04x", (unsigned)c);
        } else if (c == '\xE2' && (kn_starts_with(json->at + i, "\xE2\x80\xA8") ||
                                   kn_starts_with(json->at + i, "\xE2\x80\xA9"))) {
            kn_str_add(html, json->at[i + 2] == '\xA8' ? "\\u2028" : "\\u2029");
            i += 2;
        } else {
            kn_str_add_char(html, c);
        }
    }
}

static void add_data(const json_t *data, struct kn_str *html)
{
    KN_SCOPED_STR json = {0};
    kn_json_add(&json, data, true);
    add_inline_json(html, &json);
}

void kn_report_page(const struct kn_result *result, struct kn_str *html)
{
    static const char mark[] = "@DATA@";
    const char *data_at = strstr(kn_report_template, mark);
    kn_str_add_bytes(html, kn_report_template, (size_t)(data_at - kn_report_template));
    KN_SCOPED_JSON data = kn_report_data(result);
    add_data(data, html);
    kn_str_add(html, data_at + strlen(mark));
}

static enum kn_status write_file(const char *folder, const char *name, const struct kn_str *text,
                                 struct kn_error *err)
{
    struct kn_arena *arena = kn_arena_new();
    enum kn_status status =
        kn_file_write(kn_path_join(arena, folder, name), kn_str_text(text), text->length, err);
    kn_arena_free(arena);
    return status;
}

enum kn_status kn_report_write(const struct kn_result *result, const char *folder,
                               struct kn_error *err)
{
    KN_SCOPED_STR json = {0}, html = {0};
    kn_result_write_json(result, false, &json);
    kn_str_add_char(&json, '\n');
    enum kn_status status = write_file(folder, "result.json", &json, err);
    if (status != KN_OK)
        return status;
    kn_report_page(result, &html);
    return write_file(folder, "report.html", &html, err);
}

enum kn_status kn_report_put_posts(const char *folder, const json_t *posts, struct kn_error *err)
{
    static const char begin[] = "<script type=\"application/json\" id=\"posts\">",
                      end[] = "</script>";
    struct kn_arena *arena = kn_arena_new();
    const char *path = kn_path_join(arena, folder, "report.html");
    KN_SCOPED_STR html = {0};
    char *text = NULL;
    size_t size = 0;
    enum kn_status status = kn_file_read(path, PAGE_BYTES_MAX, &text, &size, err);
    char *at = status == KN_OK ? strstr(text, begin) : NULL;
    char *rest = at ? strstr(at, end) : NULL; /* data have no '<' */
    if (rest) {
        kn_str_add_bytes(&html, text, (size_t)(at - text) + strlen(begin));
        add_data(posts, &html);
        kn_str_add_bytes(&html, rest, size - (size_t)(rest - text));
        status = kn_file_write(path, kn_str_text(&html), html.length, err);
    }
    free(text);
    kn_arena_free(arena);
    return status;
}
