/*
 * Preloaded into the program by the tests in tests/fault: stands between it and the C library and
 * lets a call fail, or the process die at it, which no test could time from outside.
 *
 *   KN_BREAK_CALLS   which calls count: some of sync,rename,send,write,read, with commas
 *   KN_BREAK_AT      the number of the call at which it happens; 0: never
 *   KN_BREAK_HOW     kill: the process dies before the call; killed: right after it; full: writes
 *                    fail from there on, as on a full disk; hold: from there on, whoever makes the
 *                    call stays in it, while the other threads go on, until the test kills it
 *   KN_BREAK_UNDER   only calls on files below this folder count; sockets are below none
 *   KN_BREAK_LEAST   only reads that ask for so many bytes count
 *   KN_BREAK_WHILE   no call counts unless this file is there
 *   KN_BREAK_FULL    beside all that: the disk of the files below this folder is full
 *   KN_BREAK_CLOCK   beside all that: the machine's clock is so many seconds ahead; with
 * KN_BREAK_WHILE from the time on that the file is there KN_BREAK_TALLY   a file that has the
 * number of calls, once the program has ended
 */
#undef _FILE_OFFSET_BITS /* pwrite and pwrite64 are two names, and callers use either */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static atomic_long calls;

static const char *setting(const char *name)
{
    const char *text = getenv(name);
    return text ? text : "";
}

static bool counts(const char *call)
{
    const char *list = setting("KN_BREAK_CALLS");
    size_t n = strlen(call);
    for (const char *at = list; (at = strstr(at, call)); at += n)
        if ((at == list || at[-1] == ',') && (at[n] == ',' || at[n] == '\0'))
            return true;
    return false;
}

static bool is_under(const char *path, const char *folder)
{
    return strncmp(path, folder, strlen(folder)) == 0;
}

static bool fd_is_under(int fd, const char *folder)
{
    char link[64], path[PATH_MAX];
    if (!folder[0])
        return true;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return false;
    path[n] = '\0';
    return is_under(path, folder);
}

static bool fd_counts(int fd)
{
    return fd_is_under(fd, setting("KN_BREAK_UNDER"));
}

static bool is_time(void)
{
    const char *only_while = setting("KN_BREAK_WHILE");
    return !only_while[0] || access(only_while, F_OK) == 0;
}

/* What is to happen around one call. */
enum breaking { NOTHING, DIE_AFTER, FAIL };

static enum breaking reach(const char *call, bool under)
{
    if (!under || !counts(call) || !is_time())
        return NOTHING;
    long number = atomic_fetch_add(&calls, 1) + 1;
    long at = strtol(setting("KN_BREAK_AT"), NULL, 10);
    const char *how = setting("KN_BREAK_HOW");
    if (at <= 0)
        return NOTHING;
    if (strcmp(how, "full") == 0)
        return number >= at ? FAIL : NOTHING;
    while (strcmp(how, "hold") == 0 && number >= at)
        pause();
    if (number != at)
        return NOTHING;
    if (strcmp(how, "killed") == 0)
        return DIE_AFTER;
    kill(getpid(), SIGKILL);
    return NOTHING;
}

static enum breaking reach_write(int fd)
{
    const char *always = setting("KN_BREAK_FULL");
    if (always[0] && fd_is_under(fd, always))
        return FAIL;
    return reach("write", fd_counts(fd));
}

static void leave(enum breaking breaking)
{
    if (breaking == DIE_AFTER)
        kill(getpid(), SIGKILL);
}

static ssize_t full(void)
{
    errno = ENOSPC;
    return -1;
}

/* The function that this one hides. */
#define HIDDEN(name, result, ...)                                                                  \
    static result (*hidden)(__VA_ARGS__);                                                          \
    if (!hidden)                                                                                   \
    *(void **)&hidden = dlsym(RTLD_NEXT, name)

int fsync(int fd)
{
    HIDDEN("fsync", int, int);
    enum breaking breaking = reach("sync", fd_counts(fd));
    int result = hidden(fd);
    leave(breaking);
    return result;
}

int fdatasync(int fd)
{
    HIDDEN("fdatasync", int, int);
    enum breaking breaking = reach("sync", fd_counts(fd));
    int result = hidden(fd);
    leave(breaking);
    return result;
}

int rename(const char *from, const char *to)
{
    HIDDEN("rename", int, const char *, const char *);
    enum breaking breaking = reach("rename", is_under(to, setting("KN_BREAK_UNDER")));
    int result = hidden(from, to);
    leave(breaking);
    return result;
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    HIDDEN("send", ssize_t, int, const void *, size_t, int);
    enum breaking breaking = reach("send", true);
    ssize_t result = hidden(fd, data, size, flags);
    leave(breaking);
    return result;
}

ssize_t write(int fd, const void *data, size_t size)
{
    HIDDEN("write", ssize_t, int, const void *, size_t);
    enum breaking breaking = reach_write(fd);
    ssize_t result = breaking == FAIL ? full() : hidden(fd, data, size);
    leave(breaking);
    return result;
}

ssize_t read(int fd, void *data, size_t size)
{
    HIDDEN("read", ssize_t, int, void *, size_t);
    bool large = (long)size >= strtol(setting("KN_BREAK_LEAST"), NULL, 10);
    enum breaking breaking = reach("read", large && counts("read") && fd_counts(fd));
    ssize_t result = hidden(fd, data, size);
    leave(breaking);
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    HIDDEN("writev", ssize_t, int, const struct iovec *, int);
    enum breaking breaking = reach_write(fd);
    ssize_t result = breaking == FAIL ? full() : hidden(fd, parts, count);
    leave(breaking);
    return result;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    HIDDEN("pwrite64", ssize_t, int, const void *, size_t, off64_t);
    enum breaking breaking = reach_write(fd);
    ssize_t result = breaking == FAIL ? full() : hidden(fd, data, size, at);
    leave(breaking);
    return result;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return pwrite64(fd, data, size, at);
}

int clock_gettime(clockid_t id, struct timespec *ret_time)
{
    HIDDEN("clock_gettime", int, clockid_t, struct timespec *);
    int result = hidden(id, ret_time);
    long ahead_s = strtol(setting("KN_BREAK_CLOCK"), NULL, 10);
    if (id == CLOCK_REALTIME && ahead_s && is_time())
        ret_time->tv_sec += ahead_s;
    return result;
}

/* Only of a program that came to its end. */
__attribute__((destructor)) static void tally(void)
{
    const char *path = setting("KN_BREAK_TALLY");
    FILE *out = path[0] ? fopen(path, "w") : NULL;
    if (!out)
        return;
    fprintf(out, "%ld\n", atomic_load(&calls));
    fclose(out);
}
