/* What the program says about itself. Everything here is light: no media library is loaded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"

enum { ARGUMENTS_WIDTH = 9 };

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
        .name = "add",
        .arguments = "VIDEO…",
        .summary = "hand videos over to the queue",
        .about =
            "Adds videos, those of a folder, or those of a list on stdin (-) to the queue, and "
            "prints\n"
            "the number of each one's job. Workers take them from there: `kirinuki worker`, on "
            "this\n"
            "machine or, with a PostgreSQL server as the queue, on many. Nothing is lost when a\n"
            "process or a machine dies. The same video with the same options and folder is known:\n"
            "then the number is that of the job that is there. A list has a path a line, or paths\n"
            "that end with NUL.\n",
        .examples =
            "  kirinuki add talk.mp4                       one video, clips in talk-clips/\n"
            "  kirinuki add talks/ -n 3                    all videos of a folder\n"
            "  find / -name '*.mkv' | kirinuki add -       a list\n"
            "  kirinuki add talk.mp4 --priority high       before the others\n"
            "  kirinuki add talk.mp4 --at 22:00            not before tonight\n",
        .settings = KN_FOR_ADD,
    },
    {
        .name = "worker",
        .arguments = "",
        .summary = "work on the queue, until it is stopped",
        .about =
            "Takes jobs from the queue and makes their clips, many videos at once: while one "
            "waits\n"
            "for its disk another computes. Any number of workers may run. One that dies is "
            "noticed\n"
            "when its lease ends, and others continue its videos after the last finished step: no\n"
            "transcription and no clip is made twice. Ctrl-C or SIGTERM lets videos finish for\n"
            "--grace seconds, then hands them back. Where the queue does not answer, it ends four\n"
            "seconds after that, with exit code 1.\n\n"
            "With --watch, videos that are put into a folder are added once nobody writes to them\n"
            "any more. Their clips go to folders beside them, which are not watched; how they are\n"
            "made is said in kirinuki.conf (`clips = 3`). What failed or was cancelled is not "
            "added\n"
            "again by a restart: `kirinuki retry` does that.\n",
        .examples = "  kirinuki worker                             on this machine's queue\n"
                    "  kirinuki worker --drain                     end when all is done\n"
                    "  kirinuki worker --watch ~/recordings        and add what is put there\n"
                    "  kirinuki worker --store postgres://db/clips one of many machines\n",
        .settings = KN_FOR_WORKER,
    },
    {
        .name = "jobs",
        .arguments = "",
        .summary = "list what is in the queue",
        .about = "The newest first, with how far they are or why they wait.\n",
        .examples = "  kirinuki jobs                               the last 30\n"
                    "  kirinuki jobs --state failed,cancelled      what did not work\n"
                    "  kirinuki jobs --owner ann -n 5 --json       for programs\n",
        .settings = KN_FOR_JOBS,
    },
    {
        .name = "show",
        .arguments = "ID…",
        .summary = "tell everything about a job",
        .about = "Its options and finished steps, why it waits, and why its attempts failed.\n",
        .examples = "  kirinuki show 12                            for people\n"
                    "  kirinuki show 12 --json                     for programs\n",
        .settings = KN_FOR_QUEUE,
    },
    {
        .name = "watch",
        .arguments = "[ID…]",
        .summary = "follow jobs live, wherever they run",
        .about =
            "Bars on a terminal, lines elsewhere, until the jobs have ended; without numbers, all\n"
            "that wait or run now. Exit codes are those of the jobs.\n",
        .examples = "  kirinuki watch                              all of them\n"
                    "  kirinuki watch 12 13                        these two\n"
                    "  kirinuki watch 12 --json                    events for programs\n",
        .settings = KN_FOR_WATCH,
    },
    {
        .name = "cancel",
        .arguments = "[ID…]",
        .summary = "stop jobs",
        .about =
            "What runs stops within a second and leaves no half-made files; finished clips stay.\n",
        .examples = "  kirinuki cancel 12                          one job\n"
                    "  kirinuki cancel --state queued --owner ann   all of hers that wait\n",
        .settings = KN_FOR_CHANGE,
    },
    {
        .name = "retry",
        .arguments = "[ID…]",
        .summary = "queue failed or cancelled jobs again",
        .about = "They continue after their last finished step.\n",
        .examples = "  kirinuki retry 12                           one job\n"
                    "  kirinuki retry --state failed               all that failed\n",
        .settings = KN_FOR_CHANGE,
    },
    {
        .name = "bump",
        .arguments = "[ID…]",
        .summary = "put jobs before all others",
        .about = "Also those that wait for a time.\n",
        .examples = "  kirinuki bump 12                            it is next\n"
                    "  kirinuki bump --state queued --owner ann    all of hers\n",
        .settings = KN_FOR_CHANGE,
    },
    {
        .name = "rm",
        .arguments = "[ID…]",
        .summary = "forget jobs that have ended",
        .about = "Their clips stay where they are.\n",
        .examples = "  kirinuki rm 12                              one job\n"
                    "  kirinuki rm --state done,cancelled          all of these\n",
        .settings = KN_FOR_CHANGE,
    },
    {
        .name = "pause",
        .arguments = "",
        .summary = "let nothing new begin",
        .about = "What runs goes on to its end.\n",
        .examples = "  kirinuki pause                              until `kirinuki resume`\n",
        .settings = KN_FOR_QUEUE,
    },
    {
        .name = "resume",
        .arguments = "",
        .summary = "let a paused queue go on",
        .about = "The opposite of `kirinuki pause`.\n",
        .examples = "  kirinuki resume                             workers begin at once\n",
        .settings = KN_FOR_QUEUE,
    },
    {
        .name = "publish",
        .arguments = "CLIP…",
        .summary = "post clips to YouTube, TikTok, Instagram, X, a folder or a webhook",
        .about =
            "Every clip goes to every place of --to, all at once, each on its own: what one "
            "platform\n"
            "refuses does not hold up another. A folder that `kirinuki run` has filled brings each "
            "clip's\n"
            "title, hook and hashtags along; they are fitted to each platform's rules. Before a "
            "byte is\n"
            "sent, the file and the words are checked; --check does only that.\n\n"
            "A clip is posted to a place once: asked again, kirinuki goes on where it was, or says "
            "that it\n"
            "is there, whatever broke in between. What no platform could tell is UNKNOWN, and "
            "`kirinuki\n"
            "posts` says what to do. With --at and --every posts wait for their time: YouTube "
            "keeps them\n"
            "itself, the others need a `kirinuki worker` that runs then. --spread chooses the "
            "times: each\n"
            "clip gets the next best time (--best-times) of each account that no other post has, "
            "not before\n"
            "--at, and --every apart.\n\n"
            "Exit code 0: all are live or planned; 3: some failed; 1: all did.\n",
        .examples =
            "  kirinuki publish talk-clips                 into the outbox folder: needs no "
            "account\n"
            "  kirinuki publish talk-clips --to all        with every account that is connected\n"
            "  kirinuki publish 01.mp4 --to youtube,x --check\n"
            "                                              what would be wrong\n"
            "  kirinuki publish talk-clips --to tiktok --at 18:00 --every 1d\n"
            "                                              one a day, from six o'clock on\n"
            "  kirinuki publish talk-clips --to all --spread\n"
            "                                              each at a good time of its platform\n"
            "  kirinuki publish --retry                    go on with what is not live\n",
        .settings = KN_FOR_PUBLISH,
    },
    {
        .name = "posts",
        .arguments = "[ID…]",
        .summary = "list posts, or cancel, retry, move or resolve some",
        .about =
            "Without arguments the newest posts with their states; with the number of one, all "
            "that is\n"
            "known of it. The commands: `watch` (as they go, whoever posts them), `cancel`, "
            "`retry` (asks\n"
            "the platform first what became of it), `move` (to --at, or to now) and `resolve`, for "
            "a post\n"
            "whose end is unknown: look at the account, then say --url URL where it is, or "
            "--absent to have\n"
            "it posted again.\n\n"
            "A post that YouTube has and will show at its time is moved there as well. Cancelled, "
            "its video\n"
            "stays on the channel as a private one, as deleting can't be undone: YouTube Studio "
            "deletes it,\n"
            "`retry` has it shown after all.\n",
        .examples = "  kirinuki posts                              a table\n"
                    "  kirinuki posts watch                        until they are done\n"
                    "  kirinuki posts --state failed,unknown       what needs somebody\n"
                    "  kirinuki posts 12                           one of them\n"
                    "  kirinuki posts retry 12 13                  again\n"
                    "  kirinuki posts move 12 --at 20:00           another time\n"
                    "  kirinuki posts resolve 12 --absent          it is not there: post it\n"
                    "  kirinuki posts retry --unknown              ask the platforms once more\n",
        .settings = KN_FOR_POSTS,
    },
    {
        .name = "auth",
        .arguments = "PLATFORM",
        .summary = "connect an account of youtube, tiktok, instagram or x",
        .about =
            "Asks for consent in the browser, and keeps what the platform grants: sealed, with a "
            "key in\n"
            "~/.local/share/kirinuki/key that nobody else can read, or KIRINUKI_KEY. Several "
            "accounts of\n"
            "a platform may be connected; connecting one again mends it.\n\n"
            "Platforms want to know who asks, so register an application with them once:\n\n"
            "  youtube    https://console.cloud.google.com/auth/clients, type \"Desktop app\", "
            "with\n"
            "             the YouTube Data API v3 enabled; no redirect address is entered\n"
            "  tiktok     https://developers.tiktok.com/apps, Login Kit for desktop and Content\n"
            "             Posting API; redirect http://127.0.0.1:*/callback/\n"
            "  instagram  https://developers.facebook.com/apps, Facebook Login for Business; the\n"
            "             account is linked to a page; redirect an https:// address of your own,\n"
            "             given with --redirect as well\n"
            "  x          https://console.x.com, OAuth 2.0, read and write; redirect\n"
            "             http://127.0.0.1:8765/callback\n\n"
            "Put what it gives you into KIRINUKI_YOUTUBE_CLIENT_ID and "
            "KIRINUKI_YOUTUBE_CLIENT_SECRET\n"
            "(TIKTOK: its client key is the id; INSTAGRAM; X), or as youtube-client-id and\n"
            "youtube-client-secret into kirinuki.conf. docs/accounts.md tells more.\n",
        .examples =
            "  kirinuki auth youtube                       in the browser of this machine\n"
            "  kirinuki auth x --account work              a second account\n"
            "  kirinuki auth tiktok --paste                on a server: paste the address\n"
            "  kirinuki auth youtube --sandbox             at a running `kirinuki sandbox`\n",
        .settings = KN_FOR_AUTH,
    },
    {
        .name = "accounts",
        .arguments = "[ACTION]",
        .summary = "list the accounts that clips can be posted with",
        .about = "With the state of each, and what to do where one does not work. Tokens are "
                 "renewed by\n"
                 "themselves and never shown. `check [ACCOUNT…]` asks the platforms whether they "
                 "work.\n"
                 "`rm ACCOUNT…` ends the connection at the platform and forgets the account. An "
                 "account is\n"
                 "PLATFORM:NAME, or PLATFORM where it is the only one.\n",
        .examples = "  kirinuki accounts                           a table\n"
                    "  kirinuki accounts --json                    for programs\n"
                    "  kirinuki accounts check                     asks each platform\n"
                    "  kirinuki accounts rm youtube:Ann            ends and forgets it\n"
                    "  kirinuki accounts rm youtube --yes          though posts of it wait\n",
        .settings = KN_FOR_ACCOUNTS,
    },
    {
        .name = "sandbox",
        .arguments = "",
        .summary = "play AI services and platforms on this machine, without an account",
        .about =
            "Serves transcriptions, chats with pictures and JSON schemas, and the list of models "
            "as\n"
            "OpenAI's service documents them (or whisper.cpp's server), and refuses what that "
            "would\n"
            "refuse. Answers come from a script, from a transcript of the source, or are made up;\n"
            "the same question always gets the same answer. Latency, limits and faults can be "
            "set,\n"
            "so that bad days can be tried out: 429, 500, 503, connections that are cut, JSON that "
            "is\n"
            "wrong. Everything that was asked stands in GET /sandbox/ledger. YouTube, TikTok, "
            "Instagram "
            "and X\n"
            "are played as well: its address in a browser shows what was \"posted\". Nothing is "
            "sent "
            "to\n"
            "anybody. Stop it with Ctrl-C. docs/sandbox.md tells everything.\n",
        .examples = "  kirinuki sandbox --port 8090                a base URL for any client\n"
                    "  kirinuki sandbox --latency 2±1              answers within 1 to 3 seconds\n"
                    "  kirinuki sandbox -t talk.srt                says what was really said\n"
                    "  kirinuki sandbox --rate 60 --fault 500,chance=0.05\n"
                    "                                              a bad day\n"
                    "  kirinuki sandbox --dialect whisper          as whisper.cpp's server\n",
        .settings = KN_FOR_SANDBOX,
    },
    {
        .name = "doctor",
        .arguments = "",
        .summary = "check what is installed and say how to mend it",
        .about = "Looks at models, codecs, fonts, disk and cores.\n",
        .examples = "  kirinuki doctor                             a list with remedies\n",
        .settings = KN_FOR_DOCTOR,
    },
    {
        .name = "engines",
        .arguments = "",
        .summary = "list who can listen, look and rank here",
        .about = "Engines on this machine need models; services need a key in the environment\n"
                 "(OPENAI_API_KEY, GROQ_API_KEY, or KIRINUKI_AI_KEY for any other) or an address\n"
                 "on this machine. Nothing is sent. docs/ai.md tells about each.\n",
        .examples = "  kirinuki engines                            which can be used now\n"
                    "  kirinuki engines --ai --json                for programs\n",
        .settings = KN_FOR_ENGINES,
    },
    {
        .name = "version",
        .arguments = "",
        .summary = "print the version",
        .about = "Which kirinuki this is.\n",
        .examples = "  kirinuki version                            kirinuki and a number\n"
                    "  kirinuki version --json                     for programs\n",
        .settings = KN_FOR_VERSION,
    },
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
        printf("  %-10s %s%*s %s\n", c->name, c->arguments,
               KN_MAX(ARGUMENTS_WIDTH - (int)kn_utf8_count(c->arguments), 0), "", c->summary);
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
    printf("%sUsage:%s kirinuki %s [options]%s%s\n\n%s", heading(), plain(), command->name,
           command->arguments[0] ? " " : "", command->arguments, command->about);
    printf("\n%sExamples:%s\n%s", heading(), plain(), command->examples);
    struct kn_settings defaults;
    kn_settings_defaults(&defaults);
    KN_SCOPED_STR options = {0};
    kn_options_help(kn_settings_table(command->settings), &defaults, &options);
    printf("%s  -h, --help                this text\n", kn_str_text(&options));
}
