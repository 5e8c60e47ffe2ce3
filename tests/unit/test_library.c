/* Libraries that the system's loader must not be given, made out of one that it may. */
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <link.h>
#include <string.h>

#include "ai/library.h"
#include "base/file.h"

struct image {
    uint8_t bytes[4096];
    size_t size;
    ElfW(Ehdr) header;
    ElfW(Phdr) parts[2];
};

static struct image whole(void)
{
    struct image image = {.size = sizeof image.bytes};
    memcpy(image.header.e_ident, ELFMAG, SELFMAG);
    image.header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    image.header.e_ident[EI_DATA] =
        __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    image.header.e_type = ET_DYN;
    image.header.e_phoff = sizeof image.header;
    image.header.e_phentsize = sizeof image.parts[0];
    image.header.e_phnum = 2;
    image.parts[0].p_type = PT_LOAD;
    image.parts[0].p_filesz = 4096;
    image.parts[0].p_memsz = 5000;
    image.parts[1].p_type = PT_DYNAMIC;
    image.parts[1].p_offset = 1024;
    image.parts[1].p_filesz = image.parts[1].p_memsz = 512;
    return image;
}

static enum kn_status check(struct image *image, struct kn_error *err)
{
    memcpy(image->bytes, &image->header, sizeof image->header);
    memcpy(image->bytes + sizeof image->header, image->parts, sizeof image->parts);
    return kn_library_check_head(image->bytes, image->size, (int64_t)image->size, err);
}

static void headers_promise_no_more_than_there_is(void **state)
{
    (void)state;
    struct kn_error err;
    struct image image = whole();
    assert_int_equal(check(&image, &err), KN_OK);
    image.size = 4095;
    assert_int_equal(check(&image, &err), KN_DAMAGED);
    assert_string_equal(err.text, "it is damaged: its end is missing");
    static const size_t sizes[] = {0, 3, sizeof image.header - 1, sizeof image.header, 200};
    for (size_t i = 0; i < KN_COUNT_OF(sizes); i++) {
        image = whole();
        image.size = sizes[i] < sizeof image.header + sizeof image.parts ? sizes[i] : 0;
        assert_int_equal(check(&image, &err), KN_DAMAGED);
    }
}

static void every_field_is_doubted(void **state)
{
    (void)state;
    struct kn_error err;
    struct image image = whole();
    image.parts[0].p_offset = ~(ElfW(Off))0; /* and a sum that overflows */
    assert_int_equal(check(&image, &err), KN_DAMAGED);
    image = whole();
    image.parts[1].p_offset = 4000;
    assert_int_equal(check(&image, &err), KN_DAMAGED);
    image = whole();
    image.parts[0].p_memsz = 10;
    assert_int_equal(check(&image, &err), KN_DAMAGED);
    image = whole();
    image.parts[0].p_type = PT_NOTE;
    assert_int_equal(check(&image, &err), KN_DAMAGED);
    image = whole();
    image.header.e_phoff = ~(ElfW(Off))0;
    assert_int_equal(check(&image, &err), KN_DAMAGED);
    image = whole();
    image.header.e_phnum = 60000;
    assert_int_equal(check(&image, &err), KN_DAMAGED);
    image = whole();
    image.header.e_type = ET_EXEC;
    assert_int_equal(check(&image, &err), KN_DAMAGED);
    image = whole();
    image.header.e_ident[EI_CLASS] ^= 3;
    assert_int_equal(check(&image, &err), KN_UNSUPPORTED);
}

static void files_are_named_with_what_to_type(void **state)
{
    (void)state;
    char room[PATH_MAX];
    const char *folder = temp_folder_make(room);
    assert_non_null(folder);
    struct kn_arena *arena = kn_arena_new();
    struct kn_error err;
    const char *path = kn_path_join(arena, folder, "lib.so");
    assert_int_equal(kn_file_write(path, "not ELF", 7, &err), KN_OK);
    assert_int_equal(kn_library_check(path, &err), KN_DAMAGED);
    assert_non_null(strstr(err.text, "lib.so cannot be loaded, because it is damaged: it is too "
                                     "short: delete it and run `make`"));
    assert_int_equal(kn_library_check("/nowhere.so", &err), KN_NOT_FOUND);
    kn_arena_free(arena);
    temp_folder_remove(folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_promise_no_more_than_there_is),
        cmocka_unit_test(every_field_is_doubted),
        cmocka_unit_test(files_are_named_with_what_to_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
