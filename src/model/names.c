/* The names of the model's enumerations, as files and options spell them. */
#include "model/clip.h"
#include "model/timeline.h"

const char *kn_speech_verdict_name(enum kn_speech_verdict verdict)
{
    static const char *const names[KN_SPEECH_VERDICT_COUNT] = {"good", "doubtful", "foreign",
                                                               "failed"};
    return names[verdict];
}

const char *kn_shot_kind_name(enum kn_shot_kind kind)
{
    static const char *const names[KN_SHOT_KIND_COUNT] = {"other", "people", "slide", "black",
                                                          "frozen"};
    return names[kind];
}

const char *kn_sound_event_name(enum kn_sound_event_kind kind)
{
    static const char *const names[KN_SOUND_EVENT_COUNT] = {"applause", "laughter", "music",
                                                            "silence"};
    return names[kind];
}

const char *kn_aspect_name(enum kn_aspect aspect)
{
    static const char *const names[KN_ASPECT_COUNT] = {"9:16", "1:1", "4:5", "16:9"};
    return names[aspect];
}

void kn_aspect_size(enum kn_aspect aspect, int *ret_width_px, int *ret_height_px)
{
    static const int sizes[KN_ASPECT_COUNT][2] = {
        [KN_ASPECT_9_16] = {1080, 1920},
        [KN_ASPECT_1_1] = {1080, 1080},
        [KN_ASPECT_4_5] = {1080, 1350},
        [KN_ASPECT_16_9] = {1920, 1080},
    };
    *ret_width_px = sizes[aspect][0];
    *ret_height_px = sizes[aspect][1];
}

const char *kn_layout_name(enum kn_layout layout)
{
    static const char *const names[KN_LAYOUT_COUNT] = {"auto", "fill", "fit", "split"};
    return names[layout];
}
