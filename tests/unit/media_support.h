/* Moved to tests/support/media.h. */
#include "support/media.h"
static inline void remove_folder(const char *folder)
{
    assert_int_equal(temp_folder_remove(folder), 0);
}
