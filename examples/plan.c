/*
 * Counts the lines of files, many at once: a plan of two steps, and a group of tasks in the first.
 *
 *     cc plan.c $(pkg-config --cflags --libs kirinuki) -o plan && ./plan *.c
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <kirinuki/kirinuki.h>

struct file {
    const char *path;
    long lines;
};

struct job {
    struct file *files;
    int count, unreadable;
};

/* A task. It runs on an IO worker, beside others of its kind. */
static enum kn_status count_lines(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    enum { CHUNK_BYTES = 65536 };
    struct file *file = arg;
    char *chunk = kn_arena_alloc(env->scratch, CHUNK_BYTES); /* gone when the task returns */
    FILE *in = fopen(file->path, "re");
    if (!in)
        return kn_error_errno(err, errno, "cannot open %s", file->path);
    enum kn_status status = KN_OK;
    size_t got;
    while (status == KN_OK && (got = fread(chunk, 1, CHUNK_BYTES, in)) > 0) {
        for (size_t i = 0; i < got; i++)
            file->lines += chunk[i] == '\n';
        status = kn_cancel_check(env->cancel, err); /* stops within 100 ms when it has to */
    }
    if (status == KN_OK && ferror(in))
        status = kn_error_errno(err, errno, "cannot read %s", file->path);
    fclose(in);
    return status;
}

/* A step. Fans out, and keeps every outcome: one file's failure is not another's. */
static enum kn_status read_files(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    struct job *job = arg;
    struct kn_group *group = kn_group_new(
        env, &(struct kn_group_options){.mode = KN_GROUP_ALL_SETTLED, .lane = KN_LANE_IO});
    for (int i = 0; i < job->count; i++)
        kn_group_add(group, job->files[i].path, 1, count_lines, &job->files[i]);
    enum kn_status status = kn_group_wait(group, err);
    for (int i = 0; i < kn_group_count(group); i++) {
        const struct kn_outcome *outcome = kn_group_outcome(group, i);
        job->unreadable += outcome->status != KN_OK;
        if (outcome->status != KN_OK)
            fprintf(stderr, "%s\n", kn_error_text(&outcome->error));
    }
    kn_group_free(group);
    return status;
}

/* The step after it sees everything that it wrote. */
static enum kn_status report(void *arg, const struct kn_step_env *env, struct kn_error *err)
{
    (void)env, (void)err;
    const struct job *job = arg;
    for (int i = 0; i < job->count; i++)
        printf("%8ld %s\n", job->files[i].lines, job->files[i].path);
    return KN_OK;
}

int main(int argc, char **argv)
{
    struct job job = {.files = calloc((size_t)argc, sizeof *job.files), .count = argc - 1};
    for (int i = 0; i < job.count; i++)
        job.files[i].path = argv[i + 1];

    struct kn_error err = {0};
    struct kn_executor *executor = NULL;
    int workers[KN_LANE_COUNT];
    kn_executor_defaults(workers);
    enum kn_status status = kn_executor_open(workers, &executor, &err);
    if (status == KN_OK) {
        struct kn_plan *plan = kn_plan_new();
        int read =
            kn_plan_add(plan, &(struct kn_step){.name = "read", .run = read_files, .arg = &job});
        int tell =
            kn_plan_add(plan, &(struct kn_step){.name = "report", .run = report, .arg = &job});
        kn_plan_after(plan, tell, read);
        status = kn_executor_run_wait(executor, plan, NULL, NULL, &err);
        kn_plan_free(plan);
        kn_executor_close(executor);
    }
    if (status != KN_OK)
        fprintf(stderr, "plan: %s\n", kn_error_text(&err));
    free(job.files);
    return status != KN_OK || job.unreadable > 0;
}
