/* Jobs for people and for programs, and what the commands of the queue share. */
#ifndef KN_CLI_QUEUE_VIEW_H
#define KN_CLI_QUEUE_VIEW_H

#include <jansson.h>

#include "service/job_waits.h"
#include "service/settings.h"
#include "store/store.h"

/* What a command of the queue begins with: settings, what is no option, an open store. */
struct kn_queue_call {
    struct kn_arena *arena;
    struct kn_settings settings;
    char **rest;
    int rest_count;
    struct kn_store *store;
    char *folder;             /* of an empty queue that stands in for the user's own */
    struct kn_cancel *cancel; /* of commands that wait for others, set by them */
    struct kn_error err;
};
/* Where there is no queue yet, only commands that put something into it make one; the others see an
 * empty one in the place of the user's own, and complain of a named one, which may be misspelt.
 * KN_EXIT_OK, or the exit code; then the complaint has been made. `takes` says what the command
 * needs ("the numbers of jobs: kirinuki cancel 12"); NULL: it takes no arguments; "": it
 * may take some. */
int kn_queue_begin(struct kn_queue_call *call, const char *command, unsigned set, const char *takes,
                   int argc, char **argv);
void kn_queue_end(struct kn_queue_call *call);

/* The number of a "job" or "post" from the command line. INVALID: it is none. */
enum kn_status kn_id_parse(const char *what, const char *text, int64_t *ret_id,
                           struct kn_error *err);

const char *kn_job_state_shown(enum kn_job_state state); /* "running" for LEASED */
/* The source's name without its folder, fit to show. */
const char *kn_job_name(const struct kn_job *job, struct kn_arena *arena);
/* 0..1 as the store knows it; -1: not at all. */
double kn_job_fraction(struct kn_store *store, int64_t job, struct kn_arena *arena);
/* The outlook: what is the same for many jobs is asked once. */
json_t *kn_job_json(struct kn_store *store, const struct kn_queue_outlook *outlook,
                    const struct kn_job *job, struct kn_arena *arena);
/* What a finished step says went another way than was asked: texts, as an array of the caller's.
 * NULL: nothing did. */
json_t *kn_step_notes(const struct kn_job_step *step);

/* A line on stdout for people, cleaned of what a terminal would obey: names, owners and reasons are
 * what others wrote. */
void kn_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kn_print_json(json_t *value); /* one line on stdout; takes it */

#endif
