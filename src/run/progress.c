/*
 * Figures. A node with children keeps `done` of `total` weight, their quotient is its raw share r.
 * What it shows is a line through (raw_at_base, base) and (1, 0.99). Whenever weights change, the
 * line is drawn anew from where the figure stands, so it bends but never falls.
 *
 * Rates. The ETA comes from measured work: weight for parents, fractions for others. What nobody
 * measured (skipped, failed) is left out, or a resumed job would promise its end in a second.
 *
 * Locks. `telling` orders the calls of the listener, `lock` protects the tree; `telling` comes
 * first. A change of state takes both, so events come in the order of the changes. A percentage
 * gives up when somebody else is telling: the next one will do.
 */
#include <kirinuki/progress.h>

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/sync.h"
#include "run/rate.h"
#include "run/test_clock.h"

#define OPEN_AT_MOST 0.99 /* shown by children alone */

struct tree {
    pthread_mutex_t telling;
    pthread_mutex_t lock;

    /* Set before work starts. */
    void (*listen)(void *arg, const struct kn_progress_view *view);
    void *listen_arg;
    int64_t interval_us; /* between percentages of one node; INT64_MAX: none */
    int64_t (*now_us)(void);

    /* Protected by `lock`. */
    int count;
    struct kn_progress *news, **news_end; /* to be told, in order */
};

struct kn_progress {
    struct tree *tree;
    struct kn_progress *parent;
    int id, depth;
    char name[KN_PROGRESS_NAME_BYTES];

    /* Protected by the tree's lock. */
    struct kn_progress *first_child, *last_child, *next;
    char stage[KN_PROGRESS_STAGE_BYTES];
    enum kn_progress_state state;
    double figure;          /* shown; never falls */
    double weight, counted; /* its part of the parent, and how much of that is settled, 0..1 */
    bool alone;             /* kn_progress_set was called after children were there */
    double children, done;  /* weight of the children; how much of it is settled */
    double expected;        /* weight that the children will have */
    double base, raw_at_base;
    struct kn_rate rate;
    int64_t start_us, end_us, told_us;
    bool changed, in_news; /* since it was told; to be told at once */
    struct kn_progress *next_news;
};

const char *kn_progress_state_name(enum kn_progress_state state)
{
    static const char *const names[KN_PROGRESS_STATE_COUNT] = {
        [KN_PROGRESS_WAITING] = "waiting",     [KN_PROGRESS_RUNNING] = "running",
        [KN_PROGRESS_DONE] = "done",           [KN_PROGRESS_FAILED] = "failed",
        [KN_PROGRESS_CANCELLED] = "cancelled", [KN_PROGRESS_SKIPPED] = "skipped",
    };
    return (unsigned)state < KN_PROGRESS_STATE_COUNT ? names[state] : "unknown";
}

static bool has_ended(const struct kn_progress *node)
{
    return node->state >= KN_PROGRESS_DONE;
}

static void restart_rate(struct kn_progress *node)
{
    kn_rate_start(&node->rate, node->tree->now_us());
}

static void add_work(struct kn_progress *node, double work)
{
    kn_rate_add(&node->rate, work, node->tree->now_us());
}

/* ---- figures ---- */

static bool shared(const struct kn_progress *node)
{
    return node->first_child && !node->alone;
}

static double total_weight(const struct kn_progress *node)
{
    return fmax(node->children, node->expected);
}

static double raw_share(const struct kn_progress *node)
{
    double total = total_weight(node);
    return total > 0 ? fmin(node->done / total, 1) : 0;
}

/* The weights below have changed: what is shown stays, the rest is shared anew. */
static void rebase(struct kn_progress *node)
{
    node->base = node->figure;
    node->raw_at_base = raw_share(node);
}

static double figure_of_children(const struct kn_progress *node)
{
    if (node->raw_at_base >= 1 || node->base >= OPEN_AT_MOST)
        return node->figure;
    double climbed = (raw_share(node) - node->raw_at_base) / (1 - node->raw_at_base);
    return node->base + (OPEN_AT_MOST - node->base) * climbed;
}

/* Raises what `node` shows and what of it is settled, and then what hangs on that above. */
static void raise_to(struct kn_progress *node, double figure, double settled, bool measured)
{
    while (node) {
        if (figure > node->figure) {
            if (measured && !shared(node))
                add_work(node, figure - node->figure);
            node->figure = figure;
            node->changed = true;
        }
        struct kn_progress *parent = node->parent;
        if (!parent || settled <= node->counted)
            return;
        double work = node->weight * (settled - node->counted);
        node->counted = settled;
        parent->done += work;
        if (!shared(parent) || has_ended(parent))
            return;
        if (measured)
            add_work(parent, work);
        figure = settled = figure_of_children(parent);
        node = parent;
    }
}

static int64_t eta_ms(const struct kn_progress *node)
{
    if (has_ended(node))
        return 0;
    if (node->state == KN_PROGRESS_WAITING)
        return -1;
    double open = shared(node) ? total_weight(node) - node->done : 1 - node->figure;
    return kn_rate_eta_ms(&node->rate, open, node->tree->now_us());
}

/* ---- telling ---- */

static struct kn_progress_view view_of(const struct kn_progress *node)
{
    struct kn_progress_view view = {
        .id = node->id,
        .parent = node->parent ? node->parent->id : -1,
        .depth = node->depth,
        .state = node->state,
        .fraction = node->figure,
        .weight = node->weight,
        .start_us = node->start_us,
        .end_us = node->end_us,
        .eta_ms = eta_ms(node),
    };
    memcpy(view.name, node->name, sizeof view.name);
    memcpy(view.stage, node->stage, sizeof view.stage);
    return view;
}

static void add_news(struct kn_progress *node)
{
    struct tree *tree = node->tree;
    if (!tree->listen || node->in_news)
        return;
    node->in_news = true;
    node->next_news = NULL;
    *tree->news_end = node;
    tree->news_end = &node->next_news;
}

/* Called with both locks; returns with neither. */
static void tell(struct tree *tree)
{
    while (tree->news) {
        struct kn_progress *node = tree->news;
        tree->news = node->next_news;
        if (!tree->news)
            tree->news_end = &tree->news;
        node->in_news = node->changed = false;
        node->told_us = tree->now_us();
        struct kn_progress_view view = view_of(node);
        pthread_mutex_unlock(&tree->lock);
        tree->listen(tree->listen_arg, &view);
        pthread_mutex_lock(&tree->lock);
    }
    pthread_mutex_unlock(&tree->lock);
    pthread_mutex_unlock(&tree->telling);
}

static void lock_state(struct tree *tree)
{
    pthread_mutex_lock(&tree->telling);
    pthread_mutex_lock(&tree->lock);
}

static bool is_due(const struct kn_progress *node, int64_t now_us)
{
    return node->changed && now_us - node->told_us >= node->tree->interval_us;
}

/* Adds to the news what a change of a percentage or a stage has made due, here and above. */
static void add_due(struct kn_progress *node)
{
    int64_t now_us = node->tree->now_us();
    for (; node; node = node->parent)
        if (is_due(node, now_us))
            add_news(node);
}

/* Called with `lock`, returns without. When somebody else is telling, the nodes stay due. */
static void unlock_and_tell_due(struct kn_progress *node)
{
    struct tree *tree = node->tree;
    bool due = false;
    if (tree->listen && tree->interval_us < INT64_MAX) {
        int64_t now_us = tree->now_us();
        for (const struct kn_progress *at = node; at && !due; at = at->parent)
            due = is_due(at, now_us);
    }
    pthread_mutex_unlock(&tree->lock);
    if (!due || pthread_mutex_trylock(&tree->telling))
        return;
    pthread_mutex_lock(&tree->lock);
    add_due(node);
    tell(tree);
}

/* ---- the tree ---- */

static void copy_text(char *to, size_t room, const char *from)
{
    static const char more[] = "…";
    if ((size_t)snprintf(to, room, "%s", from) < room)
        return;
    to[room - sizeof more] = '\0';
    kn_utf8_trim(to);
    memcpy(to + strlen(to), more, sizeof more);
}

struct kn_progress *kn_progress_new(const char *name)
{
    struct tree *tree = kn_calloc(1, sizeof *tree);
    pthread_mutex_init(&tree->telling, NULL);
    pthread_mutex_init(&tree->lock, NULL);
    tree->now_us = kn_now_us;
    tree->news_end = &tree->news;
    tree->count = 1;
    struct kn_progress *root = kn_calloc(1, sizeof *root);
    root->tree = tree;
    root->weight = 1;
    copy_text(root->name, sizeof root->name, name);
    return root;
}

static void free_node(struct kn_progress *node)
{
    while (node->first_child) {
        struct kn_progress *child = node->first_child;
        node->first_child = child->next;
        free_node(child);
    }
    free(node);
}

void kn_progress_free(struct kn_progress *root)
{
    if (!root)
        return;
    assert(!root->parent);
    struct tree *tree = root->tree;
    free_node(root);
    pthread_mutex_destroy(&tree->telling);
    pthread_mutex_destroy(&tree->lock);
    free(tree);
}

static enum kn_progress_state state_below(enum kn_progress_state state)
{
    return state == KN_PROGRESS_FAILED ? KN_PROGRESS_CANCELLED : state;
}

static void finish(struct kn_progress *node, enum kn_progress_state state)
{
    if (has_ended(node))
        return;
    for (struct kn_progress *child = node->first_child; child; child = child->next)
        finish(child, state_below(state));
    bool well = state == KN_PROGRESS_DONE || state == KN_PROGRESS_SKIPPED;
    bool measured = state == KN_PROGRESS_DONE && node->state == KN_PROGRESS_RUNNING;
    double settled = well || state == KN_PROGRESS_FAILED ? 1 : node->counted;
    raise_to(node, well ? 1 : node->figure, settled, measured);
    node->state = state;
    node->end_us = node->tree->now_us();
    add_news(node);
}

struct kn_progress *kn_progress_add(struct kn_progress *parent, const char *name, double weight)
{
    if (!parent)
        return NULL;
    assert(weight >= 0);
    struct kn_progress *node = kn_calloc(1, sizeof *node);
    struct tree *tree = parent->tree;
    node->tree = tree;
    node->parent = parent;
    node->depth = parent->depth + 1;
    node->weight = weight > 0 ? weight : 1;
    copy_text(node->name, sizeof node->name, name);

    lock_state(tree);
    node->id = tree->count++;
    bool first = !parent->first_child;
    if (first)
        parent->first_child = node;
    else
        parent->last_child->next = node;
    parent->last_child = node;
    parent->children += node->weight;
    rebase(parent);
    if (first)
        restart_rate(parent); /* from here on it is counted in weight */
    if (has_ended(parent))
        finish(node, state_below(parent->state));
    add_news(node);
    tell(tree);
    return node;
}

void kn_progress_expect(struct kn_progress *node, double weight)
{
    if (!node)
        return;
    KN_LOCKED(&node->tree->lock);
    node->expected = weight;
    rebase(node);
}

void kn_progress_weight(struct kn_progress *node, double weight)
{
    if (!node || !node->parent)
        return;
    assert(weight >= 0);
    KN_LOCKED(&node->tree->lock);
    double more = (weight > 0 ? weight : 1) - node->weight;
    node->weight += more;
    node->parent->children += more;
    node->parent->done += more * node->counted;
    rebase(node->parent);
}

static void start(struct kn_progress *node)
{
    if (!node || node->state != KN_PROGRESS_WAITING)
        return;
    start(node->parent);
    node->state = KN_PROGRESS_RUNNING;
    node->start_us = node->tree->now_us();
    restart_rate(node);
    add_news(node);
}

void kn_progress_start(struct kn_progress *node)
{
    if (!node)
        return;
    lock_state(node->tree);
    start(node);
    tell(node->tree);
}

void kn_progress_set(struct kn_progress *node, double fraction)
{
    if (!node)
        return;
    struct tree *tree = node->tree;
    pthread_mutex_lock(&tree->lock);
    if (node->state == KN_PROGRESS_WAITING) {
        pthread_mutex_unlock(&tree->lock);
        kn_progress_start(node);
        pthread_mutex_lock(&tree->lock);
    }
    if (!has_ended(node)) {
        if (shared(node)) {
            node->alone = true;
            restart_rate(node);
        }
        if (fraction > 1)
            fraction = 1;
        if (fraction > node->figure) /* NaN is not */
            raise_to(node, fraction, fraction, true);
    }
    unlock_and_tell_due(node);
}

void kn_progress_stage(struct kn_progress *node, const char *format, ...)
{
    if (!node)
        return;
    char text[4 * KN_PROGRESS_STAGE_BYTES] = "", stage[KN_PROGRESS_STAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    copy_text(stage, sizeof stage, text);
    pthread_mutex_lock(&node->tree->lock);
    if (!has_ended(node) && strcmp(stage, node->stage) != 0) {
        memcpy(node->stage, stage, sizeof stage);
        node->changed = true;
    }
    unlock_and_tell_due(node);
}

static void end_as(struct kn_progress *node, enum kn_progress_state state)
{
    if (!node)
        return;
    lock_state(node->tree);
    finish(node, state);
    if (node->parent)
        add_due(node->parent);
    tell(node->tree);
}

void kn_progress_end(struct kn_progress *node, enum kn_status status)
{
    end_as(node, status == KN_OK          ? KN_PROGRESS_DONE
                 : status == KN_CANCELLED ? KN_PROGRESS_CANCELLED
                                          : KN_PROGRESS_FAILED);
}

void kn_progress_skip(struct kn_progress *node)
{
    end_as(node, KN_PROGRESS_SKIPPED);
}

void kn_progress_view(struct kn_progress *node, struct kn_progress_view *ret_view)
{
    *ret_view = (struct kn_progress_view){.parent = -1};
    if (!node)
        return;
    KN_LOCKED(&node->tree->lock);
    *ret_view = view_of(node);
}

static int snapshot(const struct kn_progress *node, struct kn_progress_view *ret_views, int max,
                    int at)
{
    if (at < max)
        ret_views[at] = view_of(node);
    at++;
    for (const struct kn_progress *child = node->first_child; child; child = child->next)
        at = snapshot(child, ret_views, max, at);
    return at;
}

int kn_progress_snapshot(struct kn_progress *root, struct kn_progress_view *ret_views, int max)
{
    if (!root)
        return 0;
    KN_LOCKED(&root->tree->lock);
    return snapshot(root, ret_views, max, 0);
}

void kn_progress_listen(struct kn_progress *root, double max_hz,
                        void (*listen)(void *arg, const struct kn_progress_view *view), void *arg)
{
    if (!root)
        return;
    root->tree->listen = listen;
    root->tree->listen_arg = arg;
    root->tree->interval_us = max_hz > 0 ? llround(1e6 / max_hz) : INT64_MAX;
}

void kn_progress_use_clock(struct kn_progress *root, int64_t (*now_us)(void))
{
    root->tree->now_us = now_us;
}
