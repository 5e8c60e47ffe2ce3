/* What the program says about itself. Everything here is light: no media library is loaded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"

const struct kn_command kn_commands[] = {
    {
        .name = "run",
        .arguments = "VIDEO…",
        .summary = "turn long videos into ranked, captioned, vertical clips",
        .about =
            "Listens and looks at the same time, picks the best segments, and renders each as a\n"
            "captioned clip with a thumbnail, subtitles, result.json and report.html. A run that\n"
            "was interrupted continues where it stopped; a second run reuses what it can.\n\n"
            "With --copy the pictures are not framed, captioned or encoded again, but for the few\n"
            "between a cut and the next key frame: clips in the source's own quality, size and\n"
            "shape, within seconds. The sound is levelled all the same, and subtitles and a\n"
            "thumbnail lie beside each clip. H.264 is cut at the exact picture; HEVC, AV1, VP9 "
            "and\n"
            "MPEG-4 can only start at a key frame, which a note tells.\n",
        .examples =
            "  kirinuki run talk.mp4                       clips in talk-clips/\n"
            "  kirinuki run talk.mp4 -n 3 -l 20-45         the best three, 20 to 45 s long\n"
            "  kirinuki run talk.mp4 -a 9:16,1:1 -c bold   two shapes, bold captions\n"
            "  kirinuki run talk.mp4 -t talk.srt           use subtitles that exist\n"
            "  kirinuki run talk.mp4 -t talk-clips/transcript.srt\n"
            "                                              after correcting words in it\n"
            "  kirinuki run talk.mp4 --copy                cut only: pictures, size and shape "
            "stay\n"
            "  kirinuki run talk.mp4 --json                events and the result as JSON\n",
        .settings = KN_FOR_RUN,
    },
    {
        .name = "analyze",
        .arguments = "VIDEO",
        .summary = "listen, look and rank, but make no clips",
        .about = "Prints what was heard and seen, and the segments that `run` would render. The\n"
                 "timeline is kept, so a later `run` starts with the clips.\n",
        .examples =
            "  kirinuki analyze talk.mp4                   a table of segments and reasons\n"
            "  kirinuki analyze talk.mp4 --json            the whole timeline as JSON\n",
        .settings = KN_FOR_ANALYZE,
    },
    {
        .name = "segments",
        .arguments = "FILE",
        .summary = "rank a transcript alone (SRT, VTT, TSV or JSON)",
        .about =
            "Reads a transcript with times and prints topic boundaries and the best segments.\n"
            "No video is needed.\n",
        .examples = "  kirinuki segments talk.srt                  a table\n"
                    "  kirinuki segments talk.tsv --tsv -n 5       five rows for a script\n",
        .settings = KN_FOR_SEGMENTS,
    },
    {
        .name = "doctor",
        .arguments = "",
        .summary = "check what is installed and say how to mend it",
        .about = "Looks at models, codecs, fonts, disk and cores.\n",
        .examples = "  kirinuki doctor                             a list with remedies\n",
        .settings = KN_FOR_DOCTOR,
    },
    {.name = "version", .arguments = "", .summary = "print the version"},
    {.name = NULL},
};

const struct kn_command *kn_command_find(const char *name)
{
    for (const struct kn_command *c = kn_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* Headings stand out on a terminal only. */
static const char *heading(void)
{
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? "\033[1m" : "";
}

static const char *plain(void)
{
    return heading()[0] ? "\033[0m" : "";
}

void kn_help_print(void)
{
    printf("kirinuki turns long videos into short clips that are worth posting.\n\n"
           "%sTry it:%s\n  kirinuki run talk.mp4\n\n%sCommands:%s\n",
           heading(), plain(), heading(), plain());
    for (const struct kn_command *c = kn_commands; c->name; c++)
        printf("  %-10s %-9s %s\n", c->name, c->arguments, c->summary);
    printf(
        "\n`kirinuki COMMAND --help` explains a command and its options.\n"
        "`kirinuki doctor` says what is missing and what to type.\n\n"
        "%sSettings%s come from ~/.config/kirinuki/kirinuki.conf (lines like `captions = bold`),\n"
        "then from the environment (KIRINUKI_CAPTIONS=bold), then from the options.\n\n"
        "%sExit codes:%s 0 done, 1 failed, 2 wrong usage, 3 some clips failed, 130 interrupted.\n",
        heading(), plain(), heading(), plain());
}

void kn_help_print_command(const struct kn_command *command)
{
    printf("%sUsage:%s kirinuki %s%s %s\n\n%s", heading(), plain(), command->name,
           command->settings ? " [options]" : "", command->arguments,
           command->about ? command->about : "");
    if (!command->settings)
        printf("%s\n", command->summary);
    if (command->examples)
        printf("\n%sExamples:%s\n%s", heading(), plain(), command->examples);
    if (!command->settings)
        return;
    struct kn_settings defaults;
    kn_settings_defaults(&defaults);
    KN_SCOPED_STR options = {0};
    kn_options_help(kn_settings_table(command->settings), &defaults, &options);
    printf("%s  -h, --help                this text\n", kn_str_text(&options));
}
