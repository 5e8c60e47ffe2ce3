#include "ai/ranker.h"

#include <string.h>

static const struct kn_ranker_desc *const rankers[] = {
    &kn_ranker_openai,
    NULL,
};

const struct kn_ranker_desc *const *kn_rankers(void)
{
    return rankers;
}

const struct kn_ranker_desc *kn_ranker_find(const char *name)
{
    for (int i = 0; rankers[i]; i++)
        if (strcmp(rankers[i]->name, name) == 0)
            return rankers[i];
    return NULL;
}
