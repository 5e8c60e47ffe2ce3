/*
 * What a job leaves beside its clips: result.json for programs and report.html for people.
 *
 * report.html is one file that opens from disk: style, script and data are inside, players and
 * pictures are found beside it by relative names, and nothing is asked of any network. Text from
 * outside (titles, words, file names) reaches the page only as data, never as markup.
 * docs/report.md tells how the page is made.
 */
#ifndef KN_PIPELINE_REPORT_H
#define KN_PIPELINE_REPORT_H

#include <kirinuki/status.h>

#include "base/json.h"
#include "base/str.h"
#include "model/result.h"

/* Writes result.json and report.html into `folder`, which exists. Each is whole or absent. */
enum kn_status kn_report_write(const struct kn_result *result, const char *folder,
                               struct kn_error *err);

/* A page that is there tells of posts from now on: a list of `file`, `platform`, `account`, `state`
 * and `url`, in the place of what it told before. Aside, then renamed. One without a place for
 * them, from before there was any, stays as it is. */
enum kn_status kn_report_put_posts(const char *folder, const json_t *posts, struct kn_error *err);

/* Appends the page. */
void kn_report_page(const struct kn_result *result, struct kn_str *html);

/* Appends `path` as a relative URL: every byte that could end a path or name a scheme or a host is
 * percent-encoded ("a b.mp4" is "./a%20b.mp4"), whatever its encoding. */
void kn_report_url(const char *path, struct kn_str *url);

#endif
