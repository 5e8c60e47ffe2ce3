#include "cli/browser.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/vec.h"

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && value[0];
}

bool kn_browser_can_open(void)
{
    return is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
}

KN_VEC_TYPE(texts, char *);

static void take_environment(struct texts *texts)
{
    for (char **at = environ; *at; at++)
        if (!kn_starts_with(*at, "KIRINUKI_"))
            kn_vec_push(texts, *at);
    kn_vec_push(texts, NULL);
}

void kn_browser_open(const char *url)
{
    struct texts environment = {0};
    char *arguments[] = {(char[]){"xdg-open"}, kn_strdup(url), NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    pid_t pid;
    take_environment(&environment);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    /* Away from this terminal's Ctrl-C, with the signals that this program keeps to itself. */
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    (void)posix_spawnp(&pid, "xdg-open", &files, &attributes, arguments, environment.at);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    free(arguments[1]);
    kn_vec_free(&environment);
}
