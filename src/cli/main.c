/*
 * The program's front. It is kept light, because loading the media libraries takes longer than a
 * person at a prompt should wait for `--help`: what does the work is a module beside the program
 * (kirinuki-engine.so), opened only when a command needs it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"

typedef int engine_main_fn(const char *command, int argc, char **argv);

/* Beside the program in a build folder, or where `make install` puts it. */
static void *open_engine(char *why, size_t why_size)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    int folder = (int)(kn_path_base(self) - self);
    char beside[PATH_MAX + 32];
    snprintf(beside, sizeof beside, "%.*skirinuki-engine.so", folder, self);
    const char *const places[] = {beside, KN_ENGINE_FOLDER "/kirinuki-engine.so"};
    for (size_t i = 0; i < KN_COUNT_OF(places); i++) {
        if (!kn_file_exists(places[i]))
            continue;
        void *engine = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
        if (engine)
            return engine;
        snprintf(why, why_size, "%s", dlerror());
        return NULL;
    }
    snprintf(why, why_size, "kirinuki-engine.so is neither beside the program nor in %s",
             KN_ENGINE_FOLDER);
    return NULL;
}

static int work(const char *command, int argc, char **argv)
{
    char why[PATH_MAX + 128];
    void *engine = open_engine(why, sizeof why);
    engine_main_fn *engine_main = NULL;
    if (engine) {
        void *symbol = dlsym(engine, "kn_engine_main");
        memcpy(&engine_main, &symbol, sizeof symbol); /* ISO C has no such cast */
    }
    if (!engine_main) {
        fprintf(stderr,
                "kirinuki: cannot load its engine: %s; run `make` or `make install` again\n",
                engine ? dlerror() : why);
        return KN_EXIT_FAILED;
    }
    return engine_main(command, argc, argv);
}

static int unknown_command(const char *word)
{
    const char *names[32];
    int count = 0;
    for (const struct kn_command *c = kn_commands; c->name; c++)
        names[count++] = c->name;
    names[count] = NULL;
    const char *nearest = kn_nearest_name(word, names);
    char shown[PATH_MAX], start[61];
    kn_text_show(word, shown, sizeof shown);
    kn_text_show(word, start, sizeof start);
    if (kn_file_exists(word))
        fprintf(stderr, "kirinuki: %s is a file, not a command; did you mean: kirinuki run %s\n",
                shown, shown);
    else if (nearest)
        fprintf(stderr, "kirinuki: unknown command %s; did you mean %s?\n", start, nearest);
    else
        fprintf(stderr, "kirinuki: unknown command %s; see kirinuki --help\n", start);
    return KN_EXIT_USAGE;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int misused(const char *command, const char *why)
{
    char shown[KN_ERROR_TEXT_BYTES + 8];
    fprintf(stderr, "kirinuki: %s\n(`kirinuki %s --help` explains)\n",
            kn_text_show(why, shown, sizeof shown), command);
    return KN_EXIT_USAGE;
}

/* `kirinuki help run` is `kirinuki run --help`. */
static int help(int argc, char **argv)
{
    bool about_itself = argc > 0 && asks_for_help(1, argv);
    const struct kn_command *command = argc > 0 ? kn_command_find(argv[0]) : NULL;
    if (argc > 1)
        return misused("help", "help takes one command at most: kirinuki help run");
    if (argc > 0 && !command && !about_itself)
        return unknown_command(argv[0]);
    if (command)
        kn_help_print_command(command);
    else
        kn_help_print();
    return KN_EXIT_OK;
}

/* Neither the configuration nor the environment is read. */
static int version(int argc, char **argv)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_settings settings;
    struct kn_error err = {0};
    char **rest = kn_arena_array(arena, (size_t)argc + 1, sizeof *rest);
    int count = 0;
    kn_settings_defaults(&settings);
    enum kn_status status = kn_options_read_args(kn_settings_table(KN_FOR_VERSION), argc, argv,
                                                 &settings, arena, rest, &count, NULL, &err);
    if (status == KN_OK && count)
        status = kn_error_set(&err, KN_INVALID, "version takes no arguments");
    if (status == KN_OK)
        puts(settings.json ? "{\"name\": \"kirinuki\", \"version\": \"" KN_VERSION "\"}"
                           : "kirinuki " KN_VERSION);
    kn_arena_free(arena);
    return status == KN_OK ? KN_EXIT_OK : misused("version", kn_error_text(&err));
}

static bool is_one_of(const char *word, const char *name, const char *option, const char *letter)
{
    return strcmp(word, name) == 0 || strcmp(word, option) == 0 || strcmp(word, letter) == 0;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        kn_help_print();
        return KN_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (is_one_of(word, "help", "--help", "-h"))
        return help(argc - 2, argv + 2);
    if (is_one_of(word, "version", "--version", "-V"))
        word = "version";
    const struct kn_command *command = kn_command_find(word);
    if (!command)
        return unknown_command(word);
    if (asks_for_help(argc - 2, argv + 2)) {
        kn_help_print_command(command);
        return KN_EXIT_OK;
    }
    if (strcmp(word, "version") == 0)
        return version(argc - 2, argv + 2);
    return work(word, argc - 2, argv + 2);
}

/* A file that is opened under the number of a closed standard stream would get what is printed
 * there. What stands in refuses writing, so that a loss is noticed. */
static void fill_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Why output was lost some time before, and errno with it: what ailed it then refuses a line end
 * now, too. A text with a hole is not made worse by one that is taken. 0: it passed. */
static int why_lost(void)
{
    return write(STDOUT_FILENO, "\n", 1) < 0 ? errno : 0;
}

/* Output that was lost (a full disk behind `>`) is a failure, whatever was to be told. A reader
 * that has seen enough (`| head`) is none: what was asked for is done all the same. */
static int finish(int code)
{
    bool before = ferror(stdout);
    int why = fflush(stdout) != 0 ? errno : 0;
    if (!before && !why)
        return code;
    if (!why)
        why = why_lost();
    if (why == EPIPE)
        return code;
    char room[128];
    const char *reason = why ? strerror_r(why, room, sizeof room) : "not all of it was taken";
    fprintf(stderr, "kirinuki: cannot write to standard output: %s\n", reason);
    return code == KN_EXIT_OK ? KN_EXIT_FAILED : code;
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    /* A file beyond `ulimit -f` is then an ordinary error (EFBIG). */
    signal(SIGXFSZ, SIG_IGN);
    return finish(dispatch(argc, argv));
}
