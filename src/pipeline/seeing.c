#include "pipeline/seeing.h"

void kn_seen_faces_free(struct kn_seen_faces *seen)
{
    kn_vec_free(&seen->samples);
    kn_vec_free(&seen->faces);
}

enum kn_status kn_seen_faces_add(struct kn_seen_faces *seen, struct kn_face_finder *finder,
                                 const struct kn_source *source, struct kn_video_reader *reader,
                                 int64_t at_us, float threshold, struct kn_error *err)
{
    const struct kn_view view = {.pixels = KN_PIXELS_RGB24,
                                 .width_px = KN_FACES_INPUT_PX,
                                 .height_px = KN_FACES_INPUT_PX,
                                 .letterbox = true};
    struct kn_picture picture = {0};
    enum kn_status status = kn_video_reader_view(reader, &view, &picture, err);
    if (status != KN_OK)
        return status;
    struct kn_face_input input = {
        .rgb = picture.planes[0], .stride = picture.strides[0], .threshold = threshold};
    kn_letterbox(source->width_px, source->height_px, KN_FACES_INPUT_PX, KN_FACES_INPUT_PX,
                 &input.content_x, &input.content_y, &input.content_width, &input.content_height);
    struct kn_face faces[KN_FACES_MAX];
    int count = 0;
    status = kn_face_finder_run(finder, &input, faces, &count, err);
    kn_picture_clear(&picture);
    if (status != KN_OK)
        return status;
    kn_vec_push(&seen->samples, ((struct kn_seen_sample){at_us, seen->faces.count, count}));
    for (int i = 0; i < count; i++)
        kn_vec_push(&seen->faces, faces[i]);
    return KN_OK;
}

void kn_seen_faces_append(struct kn_seen_faces *seen, const struct kn_seen_faces *from)
{
    int before = seen->faces.count;
    for (int i = 0; i < from->faces.count; i++)
        kn_vec_push(&seen->faces, from->faces.at[i]);
    for (int i = 0; i < from->samples.count; i++) {
        struct kn_seen_sample sample = from->samples.at[i];
        sample.first += before;
        kn_vec_push(&seen->samples, sample);
    }
}

const struct kn_face_sample *kn_seen_faces_to_arena(const struct kn_seen_faces *seen,
                                                    struct kn_arena *arena)
{
    const struct kn_face *faces = kn_vec_to_arena(&seen->faces, arena);
    struct kn_face_sample *samples =
        kn_arena_array(arena, (size_t)seen->samples.count, sizeof *samples);
    for (int i = 0; i < seen->samples.count; i++) {
        const struct kn_seen_sample *sample = &seen->samples.at[i];
        samples[i] = (struct kn_face_sample){
            .at_us = sample->at_us, .face_count = sample->count, .faces = faces + sample->first};
    }
    return samples;
}
