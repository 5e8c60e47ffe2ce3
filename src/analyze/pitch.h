/* The pitch of a voice. */
#ifndef KN_ANALYZE_PITCH_H
#define KN_ANALYZE_PITCH_H

enum {
    KN_PITCH_RATE_HZ = 16000,
    KN_PITCH_WINDOW = 1600, /* samples that are looked at: 100 ms */
    KN_PITCH_MIN_HZ = 60,
    KN_PITCH_MAX_HZ = 500,
};

/* The fundamental frequency in the middle of samples[KN_PITCH_WINDOW], or 0: no clear pitch. YIN
 * (de Cheveigné and Kawahara, JASA 111, 2002), steps 1 to 5, at 8 kHz. */
float kn_pitch_find(const float *samples);

#endif
