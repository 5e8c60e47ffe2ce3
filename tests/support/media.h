/*
 * For tests that need media: the shared corpus (skipped with a clear line where it is absent),
 * a temporary folder, and sources made by the ffmpeg program (skipped where that is absent).
 */
#ifndef KN_TESTS_MEDIA_H
#define KN_TESTS_MEDIA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kirinuki/arena.h>

#include "base/file.h"
#include "base/str.h"
#include "media/probe.h"
#include "support/temp_folder.h"

extern char **environ;

/* "../shared/corpus/NAME", in `arena`; the test is skipped where the file is not there. */
static inline const char *corpus_file(struct kn_arena *arena, const char *name)
{
    const char *root = getenv("KN_SOURCE_ROOT");
    const char *path = kn_arena_printf(arena, "%s/../shared/corpus/%s", root ? root : ".", name);
    if (!kn_file_exists(path)) {
        print_message("skipped: the corpus file %s is not here\n", name);
        skip();
    }
    return path;
}

/* In `arena`; removed by temp_folder_remove. */
static inline const char *temp_folder(struct kn_arena *arena)
{
    char room[PATH_MAX];
    assert_non_null(temp_folder_make(room));
    return kn_arena_strdup(arena, room);
}

static inline int count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(dir);
    return count;
}

/* Runs a program with the words of `arguments` (spaces divide; no quoting); its exit code, or -1
 * when there is no such program. */
static inline int run_program(const char *program, const char *arguments)
{
    char words[4096];
    assert_true(strlen(arguments) < sizeof words);
    memcpy(words, arguments, strlen(arguments) + 1);
    char *argv[128] = {(char *)program};
    int count = 1;
    char *rest;
    for (char *word = strtok_r(words, " ", &rest); word && count < 127;
         word = strtok_r(NULL, " ", &rest))
        argv[count++] = word;
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, program, NULL, NULL, argv, environ) != 0)
        return -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : -1;
}

/* `ffmpeg -v error -y ARGUMENTS`; the test is skipped where the program is absent. */
__attribute__((format(printf, 1, 2))) static inline void make_media(const char *format, ...)
{
    char arguments[4000];
    va_list args;
    va_start(args, format);
    int used = snprintf(arguments, sizeof arguments, "-nostdin -v error -y ");
    vsnprintf(arguments + used, sizeof arguments - (size_t)used, format, args);
    va_end(args);
    int code = run_program("ffmpeg", arguments);
    if (code < 0) {
        print_message("skipped: this test makes its source with ffmpeg, which is not here\n");
        skip();
    }
    assert_int_equal(code, 0);
}

/* What a program writes to its standard output, in `arena`; the test is skipped where it is absent,
 * and fails where it fails. `words` ends in NULL. */
static inline const char *program_output(struct kn_arena *arena, const char *program,
                                         const char *const *words)
{
    const char *argv[32] = {program};
    for (int i = 0; words[i]; i++)
        argv[i + 1] = words[i];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    pid_t pid;
    int code = posix_spawnp(&pid, program, &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        print_message("skipped: this test needs %s\n", program);
        skip();
    }
    KN_SCOPED_STR text = {0};
    char chunk[4096];
    for (ssize_t n; (n = read(ends[0], chunk, sizeof chunk)) > 0;)
        kn_str_add_bytes(&text, chunk, (size_t)n);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return kn_arena_strdup(arena, kn_str_text(&text));
}

static inline struct kn_source probed(struct kn_arena *arena, const char *path)
{
    struct kn_source source;
    struct kn_error err = {0};
    enum kn_status status = kn_probe(path, arena, NULL, &source, &err);
    if (status != KN_OK)
        fail_msg("%s: %s", kn_status_name(status), kn_error_text(&err));
    return source;
}

#endif
