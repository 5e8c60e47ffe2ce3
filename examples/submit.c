/*
 * Hands a video over to the queue and shows how far it is. The work is done by another process:
 * `kirinuki worker`, here or on another machine.
 *
 *     cc submit.c $(pkg-config --cflags --libs kirinuki) -o submit
 *     ./submit talk.mp4 clips=3 captions=bold
 *
 * The queue is that of the program, or $KIRINUKI_STORE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kirinuki/kirinuki.h>

enum { OPTIONS_MOST = 32 };

/* Cuts "name=value" in place. */
static int read_option(char *text, struct kn_queue_option *ret)
{
    char *equals = strchr(text, '=');
    if (!equals)
        return 0;
    *equals = '\0';
    ret->name = text;
    ret->value = equals + 1;
    return 1;
}

/* What happened, each thing once and in order. */
static void tell(void *arg, const struct kn_queue_event *event)
{
    (void)arg;
    printf("event %ld: %s%s%s\n", (long)event->id, event->what, event->detail[0] ? ", " : "",
           event->detail);
    fflush(stdout);
}

/* How it stands, twice a second at most: why it waits, or every row of its tree that runs. */
static void show(void *arg, const struct kn_queue_job *job, const struct kn_progress_view *views,
                 int count)
{
    int i;
    (void)arg;
    printf("%-9s %3.0f %%", kn_queue_state_name(job->state), job->fraction * 100);
    for (i = 1; i < count; i++)
        if (views[i].state == KN_PROGRESS_RUNNING)
            printf("  %s %.0f %%", views[i].name, views[i].fraction * 100);
    printf("%s%s\n", job->text[0] ? "  " : "", job->text);
    fflush(stdout);
}

static enum kn_status submit_and_wait(struct kn_queue *queue, const struct kn_queue_video *video,
                                      struct kn_queue_job *ret_job, struct kn_error *err)
{
    struct kn_queue_follower follower = {0};
    struct kn_queue_added added;
    enum kn_status status;

    /* What comes after this moment is told, also what happens before we follow. */
    status = kn_queue_last_event(queue, &follower.since, err);
    if (status == KN_OK)
        status = kn_queue_add(queue, video, 1, &added, NULL, err);
    if (status != KN_OK)
        return status;
    printf("job %ld%s\n", (long)added.job, added.known ? " (known)" : "");
    follower.jobs = &added.job;
    follower.job_count = 1;
    follower.event = tell;
    follower.changed = show;
    status = kn_queue_follow(queue, &follower, NULL, err);
    return status == KN_OK ? kn_queue_get(queue, added.job, ret_job, err) : status;
}

int main(int argc, char **argv)
{
    struct kn_queue_option options[OPTIONS_MOST];
    struct kn_queue_video video = {0};
    struct kn_queue_job job = {0};
    struct kn_queue *queue = NULL;
    struct kn_error err = {0};
    enum kn_status status;
    int i;

    if (argc < 2 || argc - 2 > OPTIONS_MOST) {
        fprintf(stderr, "usage: submit VIDEO [NAME=VALUE]...\n");
        return 2;
    }
    video.path = argv[1];
    video.options = options;
    for (i = 2; i < argc; i++) {
        if (!read_option(argv[i], &options[video.option_count++])) {
            fprintf(stderr, "submit: %s is not NAME=VALUE\n", argv[i]);
            return 2;
        }
    }
    status = kn_queue_open(getenv("KIRINUKI_STORE"), &queue, &err);
    if (status == KN_OK)
        status = submit_and_wait(queue, &video, &job, &err);
    kn_queue_close(queue);
    if (status != KN_OK)
        fprintf(stderr, "submit: %s\n", kn_error_text(&err));
    return status == KN_OK && job.state == KN_QUEUE_DONE ? 0 : 1;
}
