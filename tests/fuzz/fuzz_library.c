/* The beginning of what should be a shared library: any bytes give an answer. The first two say how
 * much longer the file is than what is there of it. */
#include <assert.h>
#include <string.h>

#include "ai/library.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    int64_t longer = data[0] | data[1] << 8;
    struct kn_error err = {0};
    enum kn_status status =
        kn_library_check_head(data + 2, size - 2, (int64_t)size - 2 + longer, &err);
    if (status != KN_OK)
        assert((status == KN_DAMAGED || status == KN_UNSUPPORTED) && strlen(err.text) > 10);
    return 0;
}
