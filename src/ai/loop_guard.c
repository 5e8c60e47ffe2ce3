#include "ai/loop_guard.h"

#include <stdbool.h>

#include "base/memory.h"

enum {
    GROUP_MAX = 24,
    COPIES_MIN = 3,
    SHORT_GROUP = 2,
    REPEATED_MIN = 9,
    REPEATED_MIN_SHORT = 8,
};

/* Are the last `repeated` tokens a row with the period `group`? */
static bool repeats(const int *tokens, int count, int group, int repeated)
{
    for (int i = count - repeated + group; i < count; i++)
        if (tokens[i] != tokens[i - group])
            return false;
    return true;
}

int kn_loop_guard(const int *tokens, int count)
{
    for (int group = 1; group <= GROUP_MAX; group++) {
        int least = group <= SHORT_GROUP ? REPEATED_MIN_SHORT : REPEATED_MIN;
        int copies = KN_MAX(COPIES_MIN, (least + group - 1) / group);
        int repeated = copies * group;
        if (repeated <= count && repeats(tokens, count, group, repeated))
            return count - repeated + group;
    }
    return count;
}
