/* Records of finished clips: whatever stands in one, only plain files of the folder are believed.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/kept_clips.h"
#include "support/temp_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[PATH_MAX];
/* The record stays open: a file made anew for every input would be written to the disk each time.
 */
static int record = -1;

static void remove_folder(void)
{
    (void)temp_folder_remove(folder);
}

static void put(const char *path, const char *text)
{
    if (kn_file_write(path, text, strlen(text), NULL) != KN_OK)
        abort();
}

/* An output folder with two files of a clip, made once. */
static void make_folder(struct kn_arena *arena)
{
    if (folder[0])
        return;
    if (!temp_folder_make(folder) ||
        kn_folder_make(kn_path_join(arena, folder, ".kirinuki"), NULL) != KN_OK)
        abort();
    atexit(remove_folder);
    put(kn_path_join(arena, folder, "a.mp4"), "12345");
    put(kn_path_join(arena, folder, "a.jpg"), "12");
    record = open(kn_path_join(arena, folder, ".kirinuki/mark.json"), O_CREAT | O_WRONLY, 0600);
}

static void check_name(const char *name)
{
    assert(!name || strcmp(name, "a.mp4") == 0 || strcmp(name, "a.jpg") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_clip clip;

    make_folder(arena);
    if (pwrite(record, data, size, 0) != (ssize_t)size || ftruncate(record, (off_t)size) != 0)
        abort();
    if (kn_kept_clip_read(folder, "mark", arena, &clip)) {
        assert(clip.status == KN_OK && clip.duration_us > 0);
        assert(clip.file_count > 0 && clip.file_count <= KN_ASPECT_COUNT);
        for (int i = 0; i < clip.file_count; i++) {
            const struct kn_clip_file *file = &clip.files[i];
            check_name(file->path);
            assert(kn_aspect_name(file->aspect) && file->width_px > 0 && file->height_px > 0);
            assert(file->copied_frames >= 0 && file->frames >= file->copied_frames);
        }
        check_name(clip.thumbnail);
        check_name(clip.srt);
        check_name(clip.vtt);
        check_name(clip.ass);
        assert(!clip.remark || strlen(clip.remark) <= size);
    }
    kn_arena_free(arena);
    return 0;
}
