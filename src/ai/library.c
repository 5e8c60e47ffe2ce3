#include "ai/library.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static enum kn_status damaged(struct kn_error *err, const char *why)
{
    return kn_error_set(err, KN_DAMAGED, "it is damaged: %s", why);
}

static enum kn_status check_header(const ElfW(Ehdr) * header, struct kn_error *err)
{
    static const uint16_t one = 1;
    unsigned char native_order = *(const unsigned char *)&one ? ELFDATA2LSB : ELFDATA2MSB;
    unsigned char native_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return damaged(err, "it does not begin as a shared library does");
    if (header->e_ident[EI_CLASS] != native_class || header->e_ident[EI_DATA] != native_order)
        return kn_error_set(err, KN_UNSUPPORTED, "it is for another kind of machine");
    if (header->e_type != ET_DYN || header->e_phentsize != sizeof(ElfW(Phdr)) ||
        header->e_phnum == 0 || header->e_phnum == PN_XNUM)
        return damaged(err, "its header is not that of a shared library");
    return KN_OK;
}

static bool lies_inside(const ElfW(Phdr) * part, int64_t file_size)
{
    uint64_t size = (uint64_t)file_size;
    return part->p_offset <= size && part->p_filesz <= size - part->p_offset;
}

enum kn_status kn_library_check_head(const uint8_t *head, size_t head_size, int64_t file_size,
                                     struct kn_error *err)
{
    ElfW(Ehdr) header;
    if (head_size < sizeof header || file_size < (int64_t)head_size)
        return damaged(err, "it is too short");
    memcpy(&header, head, sizeof header);
    enum kn_status status = check_header(&header, err);
    if (status != KN_OK)
        return status;
    if (header.e_phoff > head_size ||
        (size_t)header.e_phnum * sizeof(ElfW(Phdr)) > head_size - header.e_phoff)
        return damaged(err, "its list of parts is not where it should be");
    int loaded = 0, dynamic = 0;
    for (size_t i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) part;
        memcpy(&part, head + header.e_phoff + i * sizeof part, sizeof part);
        loaded += part.p_type == PT_LOAD;
        dynamic += part.p_type == PT_DYNAMIC;
        bool used = part.p_type == PT_LOAD || part.p_type == PT_DYNAMIC;
        if (used && !lies_inside(&part, file_size))
            return damaged(err, "its end is missing");
        if (used && part.p_filesz > part.p_memsz)
            return damaged(err, "one of its parts is larger than the room for it");
    }
    if (loaded == 0 || dynamic != 1)
        return damaged(err, "it lacks parts that every shared library has");
    return KN_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

enum kn_status kn_library_check(const char *path, struct kn_error *err)
{
    __attribute__((cleanup(close_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return kn_error_errno(err, errno, "cannot open %s", path);
    KN_SCOPED_MEM uint8_t *head = kn_malloc(KN_LIBRARY_HEAD_BYTES);
    ssize_t got = pread(fd, head, KN_LIBRARY_HEAD_BYTES, 0);
    if (got < 0)
        return kn_error_errno(err, errno, "cannot read %s", path);
    struct kn_error why;
    enum kn_status status = kn_library_check_head(head, (size_t)got, (int64_t)st.st_size, &why);
    return status == KN_OK ? KN_OK
                           : kn_error_set(err, status,
                                          "%s cannot be loaded, because %s: delete it and run "
                                          "`make` in kirinuki's folder",
                                          path, kn_error_text(&why));
}
