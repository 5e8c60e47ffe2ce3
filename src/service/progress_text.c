/*
 * {"nodes": [[id, parent, name, stage, state, fraction, weight, since start, since end, eta], …],
 *  "waiting": [[parent, how many], …]}
 */
#include "service/progress_text.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

enum { ENDED_SHOWN = 4, NODES_MOST = 512, WAITING_MOST = 4096 };

static bool is_over(const struct kn_progress_view *view)
{
    return view->state != KN_PROGRESS_WAITING && view->state != KN_PROGRESS_RUNNING;
}

/* Is it one of the last that ended under its parent? */
static bool is_fresh(const struct kn_progress_view *views, int count, int index)
{
    int later = 0;
    for (int i = 0; i < count && later < ENDED_SHOWN; i++)
        later += i != index && views[i].parent == views[index].parent && is_over(&views[i]) &&
                 (views[i].end_us > views[index].end_us ||
                  (views[i].end_us == views[index].end_us && i > index));
    return later < ENDED_SHOWN;
}

static bool is_told(const struct kn_progress_view *views, int count, int index)
{
    const struct kn_progress_view *view = &views[index];
    if (view->depth <= 1 || view->state == KN_PROGRESS_RUNNING || view->state == KN_PROGRESS_FAILED)
        return true;
    return view->depth == 2 && is_over(view) && is_fresh(views, count, index);
}

/* Since when, or since the end; -1: not yet. */
static json_int_t since(int64_t at_us, int64_t now_us)
{
    return at_us ? (json_int_t)KN_MAX(now_us - at_us, 0) : -1;
}

static json_t *describe(const struct kn_progress_view *view, int64_t now_us)
{
    return json_pack("[i, i, o, o, i, o, o, I, I, I]", view->id, view->parent,
                     kn_json_text(view->name), kn_json_text(view->stage), (int)view->state,
                     kn_json_number(view->fraction, 4), kn_json_number(view->weight, 3),
                     since(view->start_us, now_us), since(view->end_us, now_us),
                     (json_int_t)view->eta_ms);
}

void kn_progress_text_write(const struct kn_progress_view *views, int count, int64_t now_us,
                            struct kn_str *out)
{
    KN_SCOPED_JSON text = json_pack("{s:[], s:[]}", "nodes", "waiting");
    json_t *nodes = json_object_get(text, "nodes"), *waiting = json_object_get(text, "waiting");
    for (int i = 0; i < count && (int)json_array_size(nodes) < NODES_MOST; i++) {
        if (!is_told(views, count, i))
            continue;
        json_array_append_new(nodes, describe(&views[i], now_us));
        int wait = 0;
        for (int k = i + 1; k < count && views[i].depth == 1 && views[k].depth > 1; k++)
            wait += views[k].parent == views[i].id && views[k].state == KN_PROGRESS_WAITING;
        if (wait)
            json_array_append_new(waiting, json_pack("[i, i]", views[i].id, wait));
    }
    kn_json_add(out, text, true);
}

/* ---- back ---- */

static int64_t moment(json_int_t since_us, int64_t then_us)
{
    return since_us < 0 ? 0 : KN_MAX(then_us - since_us, 1);
}

static bool read_node(json_t *row, int64_t then_us, struct kn_progress_view *ret)
{
    const char *name, *stage;
    int state;
    json_int_t started, ended, eta;
    if (json_unpack(row, "[i, i, s, s, i, F, F, I, I, I!]", &ret->id, &ret->parent, &name, &stage,
                    &state, &ret->fraction, &ret->weight, &started, &ended, &eta) < 0)
        return false;
    if (state < 0 || state >= KN_PROGRESS_STATE_COUNT || !isfinite(ret->fraction) ||
        !isfinite(ret->weight) || ret->fraction < 0 || ret->fraction > 1)
        return false;
    snprintf(ret->name, sizeof ret->name, "%s", name);
    snprintf(ret->stage, sizeof ret->stage, "%s", stage);
    kn_utf8_trim(ret->name);
    kn_utf8_trim(ret->stage);
    ret->state = (enum kn_progress_state)state;
    ret->start_us = moment(started, then_us);
    ret->end_us = moment(ended, then_us);
    ret->eta_ms = eta;
    return true;
}

static int depth_below(const struct kn_progress_view *views, int count, int parent)
{
    for (int i = 0; i < count; i++)
        if (views[i].id == parent)
            return views[i].depth + 1;
    return 0;
}

static int how_many_wait(json_t *pair)
{
    return KN_CLAMP((int)json_integer_value(json_array_get(pair, 1)), 0, WAITING_MOST);
}

/* Parts that wait are told apart by nothing: they are counted. */
static int add_waiting(json_t *waiting, struct kn_progress_view *views, int count, int room)
{
    size_t i;
    json_t *pair;
    json_array_foreach(waiting, i, pair)
    {
        int parent = (int)json_integer_value(json_array_get(pair, 0));
        int depth = depth_below(views, count, parent);
        for (int n = how_many_wait(pair); n > 0 && count < room && depth > 0; n--)
            views[count++] = (struct kn_progress_view){
                .id = -1, .parent = parent, .depth = depth, .state = KN_PROGRESS_WAITING};
    }
    return count;
}

enum kn_status kn_progress_text_read(const char *text, int64_t then_us, struct kn_arena *arena,
                                     struct kn_progress_view **ret_views, int *ret_count,
                                     struct kn_error *err)
{
    KN_SCOPED_JSON read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *nodes = json_object_get(read, "nodes"), *waiting = json_object_get(read, "waiting");
    size_t count = json_array_size(nodes);
    if (count < 1 || count > NODES_MOST)
        return kn_error_set(err, KN_DAMAGED, "the progress in the store can't be read");
    size_t room = count + WAITING_MOST;
    struct kn_progress_view *views = kn_arena_array(arena, room, sizeof *views);
    for (size_t i = 0; i < count; i++) {
        if (!read_node(json_array_get(nodes, i), then_us, &views[i]))
            return kn_error_set(err, KN_DAMAGED, "the progress in the store can't be read");
        views[i].depth = i ? depth_below(views, (int)i, views[i].parent) : 0;
    }
    *ret_count = add_waiting(waiting, views, (int)count, (int)room);
    *ret_views = views;
    return KN_OK;
}
