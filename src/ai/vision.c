#include "ai/vision.h"

#include <string.h>

static const struct kn_vision_desc *const engines[] = {
    &kn_vision_openai,
    NULL,
};

const struct kn_vision_desc *const *kn_vision_engines(void)
{
    return engines;
}

const struct kn_vision_desc *kn_vision_find(const char *name)
{
    for (int i = 0; engines[i]; i++)
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    return NULL;
}
