/*
 * A platform's request: at its head the route, the bearer, and the accident are found, so that
 * what cannot be done is refused before a large body is read; with its body the route is run, and
 * the answer waits for the latency that is set.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/sync.h"
#include "sandbox/fault_answer.h"
#include "sandbox/latency.h"
#include "sandbox/platforms/platforms_internal.h"
#include "sandbox/visit.h"

enum { SMALL_BODY_BYTES = 1 << 20 };

/* ---- routes ---- */

static bool segment_fits(const char *pattern, size_t length, const char *at, size_t size)
{
    if (length == 1 && pattern[0] == '#')
        return size > 0 && strspn(at, "0123456789") >= size;
    if (length > 0 && pattern[length - 1] == '*')
        return size >= length - 1 && size > 0 && strncmp(pattern, at, length - 1) == 0;
    return length == size && strncmp(pattern, at, size) == 0;
}

/* Several slashes count as one, as clients of Instagram write them. */
bool kn_mimic_path_fits(const char *pattern, const char *path, struct kn_arena *arena,
                        const char *wild[KN_MIMIC_WILD_MAX])
{
    int wilds = 0;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path += strspn(path, "/");
        size_t length = strcspn(pattern, "/"), size = strcspn(path, "/");
        if (!segment_fits(pattern, length, path, size))
            return false;
        bool is_wild = length && (pattern[length - 1] == '*' || pattern[0] == '#');
        if (is_wild && wilds < KN_MIMIC_WILD_MAX && arena)
            wild[wilds++] = kn_arena_strndup(arena, path, size);
        pattern += length;
        path += size;
    }
    return !*pattern && !*path;
}

/* The path's route with this method; else one of another method. */
static const struct kn_mimic_route *find_route(const char *method, const char *path,
                                               struct kn_arena *arena,
                                               const struct kn_mimic **ret_mimic,
                                               const char *wild[KN_MIMIC_WILD_MAX])
{
    const struct kn_mimic_route *other = NULL;
    for (int i = 0; i < KN_MIMIC_COUNT; i++) {
        const struct kn_mimic *mimic = kn_mimic_at((enum kn_mimic_id)i);
        for (int r = 0; r < mimic->route_count; r++) {
            const struct kn_mimic_route *route = &mimic->routes[r];
            if (!kn_mimic_path_fits(route->path, path, NULL, wild))
                continue;
            bool same = strcmp(route->method, method) == 0;
            if (same || !other)
                *ret_mimic = mimic;
            if (same) {
                (void)kn_mimic_path_fits(route->path, path, arena, wild);
                return route;
            }
            other = other ? other : route;
        }
    }
    return other;
}

/* ---- accidents ---- */

static uint64_t content_of(const struct kn_exchange *exchange)
{
    KN_SCOPED_STR all = {0};
    const char *range = kn_mimic_head(exchange, "content-range");
    kn_str_printf(&all, "%s %s %s", exchange->method, exchange->path, range ? range : "");
    for (int i = 0; i < exchange->query_count; i++)
        kn_str_printf(&all, " %s=%s", exchange->query[i].name,
                      (const char *)exchange->query[i].data);
    return kn_hash_key(all.at, all.length);
}

static struct kn_chance chance_of(const struct kn_mimic_visit *visit, const char *purpose)
{
    return kn_chance_of(visit->m->sandbox->options.seed, visit->content,
                        (uint64_t)visit->occurrence, purpose);
}

static void draw_fault(struct kn_mimic_visit *visit)
{
    struct kn_sandbox *s = visit->m->sandbox;
    visit->occurrence = kn_ledger_admit(&s->ledger, visit->content);
    struct kn_chance chance = chance_of(visit, "fault");
    visit->fault = kn_fault_rules_draw(&s->faults, visit->entry.path, &chance);
    visit->entry.fault = visit->fault.kind;
}

static void meet_fault(struct kn_mimic_visit *visit)
{
    static const struct {
        enum kn_sandbox_fault_kind kind;
        enum kn_mimic_refusal why;
    } refusals[] = {
        {KN_FAULT_RATE, KN_REFUSE_RATE},     {KN_FAULT_RATE_BARE, KN_REFUSE_RATE},
        {KN_FAULT_QUOTA, KN_REFUSE_QUOTA},   {KN_FAULT_UNAUTHORIZED, KN_REFUSE_BAD_TOKEN},
        {KN_FAULT_SERVER, KN_REFUSE_SERVER}, {KN_FAULT_OVERLOADED, KN_REFUSE_OVERLOADED},
    };
    for (size_t i = 0; i < KN_COUNT_OF(refusals); i++)
        if (refusals[i].kind == visit->fault.kind)
            kn_mimic_refuse(visit, refusals[i].why);
    double after_s = visit->fault.retry_after_s ? visit->fault.retry_after_s : 1;
    if (!visit->mimic->no_retry_after &&
        (visit->fault.kind == KN_FAULT_RATE || visit->fault.retry_after_s))
        kn_mimic_header(visit, "Retry-After", "%.0f", after_s < 1 ? 1 : after_s);
    if (visit->fault.kind == KN_FAULT_TIMEOUT || visit->fault.kind == KN_FAULT_CUT)
        kn_mimic_empty(visit, 500);
}

/* ---- the head ---- */

static struct kn_mimic_visit *visit_new(struct kn_mimics *m, const struct kn_exchange *head,
                                        struct kn_reply *reply)
{
    struct kn_mimic_visit *visit = kn_arena_alloc(head->arena, sizeof *visit);
    visit->m = m;
    visit->exchange = head;
    visit->arena = head->arena;
    visit->reply = reply;
    visit->room = visit->stores = INT64_MAX;
    visit->cut_at = -1;
    visit->began_us = kn_now_us();
    visit->content = content_of(head);
    return visit;
}

static void enter_ledger(struct kn_mimic_visit *visit)
{
    struct kn_sandbox_entry *entry = &visit->entry;
    kn_ledger_arrive(&visit->m->sandbox->ledger, entry);
    entry->path = visit->route->kind;
    snprintf(entry->url, sizeof entry->url, "%s", visit->exchange->path);
    snprintf(entry->method, sizeof entry->method, "%s", visit->exchange->method);
    snprintf(entry->model, sizeof entry->model, "%s", kn_mimic_name(visit->mimic->id));
    kn_utf8_trim(entry->url);
}

static void judge_head(struct kn_mimic_visit *visit)
{
    const struct kn_mimic_route *route = visit->route;
    if (strcmp(route->method, visit->exchange->method) != 0) {
        kn_mimic_header(visit, "Allow", "%s", route->method);
        kn_mimic_refuse(visit, KN_REFUSE_METHOD);
        return;
    }
    if (route->scopes &&
        !kn_mimic_sign_in(visit, kn_mimic_credentials(visit->exchange, "Bearer"), route->scopes))
        return;
    draw_fault(visit);
    meet_fault(visit);
    if (visit->decided || (visit->mimic->admit && !visit->mimic->admit(visit)))
        return;
    if (route->begin)
        route->begin(visit);
}

static void complete(struct kn_mimic_visit *visit)
{
    if (visit->mimic->complete)
        visit->mimic->complete(visit);
}

/* Half of what comes, where no bytes are named. */
static void plan_upload_fault(struct kn_mimic_visit *visit)
{
    int64_t length = kn_mimic_length(visit->exchange);
    int64_t middle = length > 0 ? length / 2 : 1 << 20;
    int64_t named = visit->fault.bytes;
    if (visit->fault.kind == KN_FAULT_CUT_UPLOAD)
        visit->cut_at = named ? named : middle;
    if (visit->fault.kind == KN_FAULT_PARTIAL)
        visit->stores = KN_MIN(visit->stores, named ? named : middle);
}

/* Bytes go by as fast as the line is said to be. */
static void slow_down(struct kn_mimic_visit *visit)
{
    double bits = visit->m->sandbox->options.bandwidth;
    if (bits <= 0)
        return;
    double due_us = (double)visit->came * 8 / bits * 1e6;
    int64_t ahead_us = visit->began_us + (int64_t)due_us - kn_now_us();
    if (ahead_us > 1000)
        (void)kn_cancel_wait_ms(visit->exchange->cancel, ahead_us / 1000);
}

enum kn_take kn_mimic_store(struct kn_mimic_visit *visit, const void *data, size_t size)
{
    if ((int64_t)size > visit->room - visit->stored - visit->lost) {
        visit->over = true;
        return KN_TAKE_ENOUGH;
    }
    int64_t keeps = KN_CLAMP(visit->stores - visit->stored, 0, (int64_t)size);
    visit->lost += (int64_t)size - keeps;
    switch (kn_upload_append(visit->upload, visit, data, (size_t)keeps)) {
    case KN_APPENDED:
        visit->stored += keeps;
        return KN_TAKE_MORE;
    case KN_APPEND_NOT_YOURS:
        return KN_TAKE_CUT;
    case KN_APPEND_FAILED:
        break;
    }
    visit->failed = true;
    return KN_TAKE_ENOUGH;
}

static enum kn_take take(void *context, const void *data, size_t size)
{
    struct kn_mimic_visit *visit = context;
    size_t before_cut = size;
    if (visit->cut_at >= 0)
        before_cut = (size_t)KN_CLAMP(visit->cut_at - visit->came, 0, (int64_t)size);
    visit->came += (int64_t)size;
    slow_down(visit);
    enum kn_take next = visit->take ? visit->take(visit, data, before_cut)
                                    : kn_mimic_store(visit, data, before_cut);
    return visit->cut_at >= 0 && visit->came >= visit->cut_at ? KN_TAKE_CUT : next;
}

static void leave_ledger(struct kn_mimic_visit *visit, bool whole)
{
    struct kn_sandbox *s = visit->m->sandbox;
    if (visit->left)
        return;
    visit->left = true;
    kn_ledger_leave(&s->ledger, &visit->entry, whole);
    if (s->options.said)
        s->options.said(s->options.arg, &visit->entry);
}

/* The very end of the request; without the ledger when the connection was cut before. */
static void done(void *context)
{
    struct kn_mimic_visit *visit = context;
    visit->entry.bytes_in = visit->came;
    {
        KN_LOCKED(&visit->m->lock);
        if (!visit->left && visit->route->gone)
            visit->route->gone(visit);
    }
    if (visit->upload)
        kn_upload_release(visit->upload, visit);
    leave_ledger(visit, false);
    json_decref(visit->body);
}

/* ---- the answer ---- */

static void wait_latency(struct kn_mimic_visit *visit)
{
    struct kn_chance chance = chance_of(visit, "latency");
    struct kn_sandbox *s = visit->m->sandbox;
    bool scripted = s->script.has_latency[visit->entry.path];
    if (visit->fault.kind == KN_FAULT_TIMEOUT)
        return;
    visit->entry.latency_us = kn_sandbox_latency_draw(
        scripted ? &s->script.latency[visit->entry.path] : &s->options.latency, &chance);
    (void)kn_cancel_wait_ms(visit->exchange->cancel, (visit->entry.latency_us + 500) / 1000);
}

static void tell_time(struct kn_mimic_visit *visit)
{
    char text[KN_TIME_TEXT_BYTES];
    KN_LOCKED(&visit->m->lock);
    kn_mimic_header(visit, "Date", "%s", kn_time_http(kn_mimics_now_us(visit->m), text));
}

static void finish(struct kn_mimic_visit *visit)
{
    struct kn_reply *reply = visit->reply;
    struct kn_sandbox_entry *entry = &visit->entry;
    wait_latency(visit);
    tell_time(visit);
    if (visit->fault.kind == KN_FAULT_LOST)
        reply->fault = KN_REPLY_NOTHING;
    kn_fault_spoils(visit->fault.kind, visit->arena, reply);
    reply->headers = visit->headers;
    reply->header_count = visit->header_count;
    bool silent = reply->fault == KN_REPLY_NOTHING || reply->fault == KN_REPLY_NO_ANSWER;
    entry->status = silent ? 0 : reply->status;
    entry->bytes_out = silent ? 0 : (int64_t)reply->size;
    entry->bytes_in = visit->came ? visit->came : (int64_t)visit->exchange->body_size;
    leave_ledger(visit, !silent && kn_fault_is_whole(visit->fault.kind));
}

void kn_mimics_begin(struct kn_mimics *m, const struct kn_exchange *head,
                     struct kn_server_intake *intake, struct kn_reply *reply)
{
    const struct kn_mimic *mimic = NULL;
    const char *wild[KN_MIMIC_WILD_MAX] = {0};
    const struct kn_mimic_route *route =
        find_route(head->method, head->path, head->arena, &mimic, wild);
    if (!route)
        return;
    struct kn_mimic_visit *visit = visit_new(m, head, reply);
    memcpy(visit->wild, wild, sizeof wild);
    visit->mimic = mimic;
    visit->route = route;
    visit->state = m->states[mimic->id];
    enter_ledger(visit);
    intake->context = visit;
    intake->done = done;
    {
        KN_LOCKED(&m->lock);
        visit->now_us = kn_mimics_now_us(m);
        kn_mimics_tick(m);
        judge_head(visit);
        if (visit->decided)
            complete(visit);
    }
    if (visit->decided) {
        int64_t length = kn_mimic_length(head);
        bool small =
            length >= 0 ? length <= SMALL_BODY_BYTES : !kn_mimic_head(head, "transfer-encoding");
        visit->kept = *reply;
        if (!small) {
            intake->way = KN_INTAKE_ANSWERED;
            finish(visit);
        }
    } else if (visit->upload) {
        plan_upload_fault(visit);
        intake->way = KN_INTAKE_STREAM;
        intake->take = take;
    }
}

bool kn_mimics_visit(struct kn_mimics *m, const struct kn_exchange *exchange,
                     struct kn_reply *reply)
{
    struct kn_mimic_visit *visit = exchange->context;
    if (!visit)
        return kn_mimics_own(m, exchange, reply);
    visit->exchange = exchange;
    visit->reply = reply;
    if (visit->decided) {
        *reply = visit->kept;
    } else {
        KN_LOCKED(&m->lock);
        visit->now_us = kn_mimics_now_us(m);
        if (exchange->too_large)
            kn_mimic_refuse(visit, KN_REFUSE_TOO_LARGE);
        else if (visit->failed) {
            if (visit->route->gone)
                visit->route->gone(visit);
            kn_mimic_refuse(visit, KN_REFUSE_SERVER);
        } else
            visit->route->run(visit);
        if (visit->fault.kind == KN_FAULT_LATE_SERVER && reply->status < 400)
            kn_mimic_refuse(visit, KN_REFUSE_SERVER);
        complete(visit);
        kn_mimics_tick(m);
    }
    finish(visit);
    return true;
}
