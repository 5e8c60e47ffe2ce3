/*
 * A job as the store holds it: its options as JSON, its paths as text, its key.
 *
 * The options are an object of texts: those of the one option table that say what is done to a
 * video, by their names, and only where they differ from the defaults; so a better default reaches
 * jobs that wait. Names are in the table's order, which makes equal options equal texts.
 *
 * Paths are absolute. A path that is not UTF-8, which neither JSON nor a database can hold, is
 * "bytes:" and the path with every such byte, and every '%', as "%E9".
 */
#ifndef KN_SERVICE_JOB_TEXT_H
#define KN_SERVICE_JOB_TEXT_H

#include "model/job.h"
#include "service/settings.h"

/* In the arena. */
const char *kn_job_options_write(const struct kn_settings *settings, struct kn_arena *arena);
/* Sets settings->job to the defaults and what the text says, checked as if it were typed.
 * DAMAGED: it is no such object. UNSUPPORTED: an option that this program does not know.
 * INVALID: a value that is not possible. */
enum kn_status kn_job_options_read(const char *text, struct kn_arena *arena,
                                   struct kn_settings *settings, struct kn_error *err);

const char *kn_job_path_write(const char *path, struct kn_arena *arena);
const char *kn_job_path_read(const char *text, struct kn_arena *arena);

/* A folder or file as it is stored, for people: UTF-8, cut to the room. */
const char *kn_job_path_show(const char *text, char *ret_text, size_t room);

/*
 * What is submitted for a video, in the arena. With `keyed`, its content is read for the key:
 * content and options; what fails then is that. Where the output folder is made is an option, too,
 * given even where the user has not: a worker runs in another folder. Who can open media asks
 * kn_job_need for the memory; here it is what an unknown job takes.
 */
enum kn_status kn_job_spec_make(const struct kn_settings *settings, const char *video, bool keyed,
                                struct kn_arena *arena, struct kn_cancel *cancel,
                                struct kn_job_spec *ret_spec, struct kn_error *err);

#endif
