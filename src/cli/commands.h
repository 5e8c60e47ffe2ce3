/*
 * The commands. `kirinuki` itself (main.c) answers --help, version and misspelt commands at once;
 * what does the work is loaded only for a command that works (see main.c).
 */
#ifndef KN_CLI_COMMANDS_H
#define KN_CLI_COMMANDS_H

#include <kirinuki/status.h>

#include "service/settings.h"

/* Exit codes, also in the man page. */
enum {
    KN_EXIT_OK = 0,
    KN_EXIT_FAILED = 1,
    KN_EXIT_USAGE = 2,
    KN_EXIT_SOME_FAILED = 3,
    KN_EXIT_INTERRUPTED = 130,
};

struct kn_command {
    const char *name;
    const char *arguments; /* "VIDEO…" */
    const char *summary;   /* one line */
    const char *about;     /* a paragraph for its own help */
    const char *examples;  /* lines of "command   what it does" */
    unsigned settings;     /* enum kn_command_set: which options it takes */
};
extern const struct kn_command kn_commands[]; /* ends with a NULL name */
const struct kn_command *kn_command_find(const char *name);

void kn_help_print(void);                                     /* the whole program */
void kn_help_print_command(const struct kn_command *command); /* one command */

/* In the engine module: each takes the arguments after the command's name and gives an exit code.
 */
int kn_cmd_run(int argc, char **argv);
int kn_cmd_analyze(int argc, char **argv);
int kn_cmd_segments(int argc, char **argv);
int kn_cmd_doctor(int argc, char **argv);
int kn_cmd_engines(int argc, char **argv);
int kn_cmd_add(int argc, char **argv);
int kn_cmd_worker(int argc, char **argv);
int kn_cmd_jobs(int argc, char **argv);
int kn_cmd_show(int argc, char **argv);
int kn_cmd_watch(int argc, char **argv);
int kn_cmd_cancel(int argc, char **argv);
int kn_cmd_retry(int argc, char **argv);
int kn_cmd_bump(int argc, char **argv);
int kn_cmd_rm(int argc, char **argv);
int kn_cmd_pause(int argc, char **argv);
int kn_cmd_resume(int argc, char **argv);
int kn_cmd_sandbox(int argc, char **argv);
int kn_cmd_auth(int argc, char **argv);
int kn_cmd_accounts(int argc, char **argv);
int kn_cmd_publish(int argc, char **argv);
int kn_cmd_posts(int argc, char **argv);

/* The engine's one exported symbol. */
int kn_engine_main(const char *command, int argc, char **argv);

/* Prints "kirinuki: <sentence>" and gives the exit code: FAILED, or INTERRUPTED (and silence). With
 * --json an event on stdout says the same; `path` (NULL: none) is the video or transcript that it
 * is about. */
int kn_complain(enum kn_status status, const struct kn_error *err);
int kn_complain_about(const char *path, enum kn_status status, const struct kn_error *err);
/* The same for wrong options; points to the command's help. Gives USAGE. */
int kn_complain_usage(const char *command, const struct kn_error *err);

#endif
