/* The outside of H.264: any bytes give units that lie inside them, or an end. */
#include <assert.h>

#include "media/nal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
    const uint8_t *at, *end;
};

static void see(void *arg, const struct kn_nal *nal)
{
    const struct bounds *bounds = arg;
    assert(nal->size >= 1 && nal->bytes >= bounds->at && nal->bytes + nal->size <= bounds->end);
    int id = kn_nal_set_id(nal);
    assert(id >= -1 && id < 1 << 17);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bounds bounds = {data, data + size};
    int length_bytes = kn_nal_length_bytes(data, size);
    assert(length_bytes >= -1 && length_bytes <= 4);
    (void)kn_nal_header(data, size, see, &bounds);
    for (int bytes = 0; bytes <= 4; bytes++) {
        struct kn_nal_reader reader = {data, data + size, bytes};
        struct kn_nal nal;
        const uint8_t *last = data;
        while (kn_nal_next(&reader, &nal)) {
            assert(nal.bytes >= last);
            last = nal.bytes + nal.size;
            see(&bounds, &nal);
        }
    }
    return 0;
}
