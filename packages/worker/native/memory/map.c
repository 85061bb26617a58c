/*
 * What happens as QEMU maps the memory of its guest: ranges of page files are laid over the base (extents.c), and the kernel is asked to
 * remember from here on which pages are written, for captures that copy only what changed.
 *
 * Registered with userfaultfd in the mode "write-protect, asynchronous" (Linux 6.7), a mapping needs nobody who handles its faults: the
 * kernel resolves the first write to a protected page by itself and remembers it; the worker reads and protects by ioctl(PAGEMAP_SCAN) on
 * /proc/PID/pagemap. The descriptor stays open for as long as the process lives, as closing it would end the registration, and is passed
 * to nobody. A kernel that cannot do it leaves the mapping as it is, which the worker finds when it asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "guest-memory.h"

/* Newer than the headers of some distributions whose kernel has them. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#define FEATURE_WP_UNPOPULATED (1ull << 13)
#define FEATURE_WP_ASYNC (1ull << 15)

void *map_raw(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}

/* By the file and not by how it was opened: QEMUs open it in different ways. */
static bool is_guest_memory(int protection, int flags, int fd)
{
    struct stat mapped;
    struct stat memory;
    if (fd < 0 || (flags & MAP_PRIVATE) == 0 || (flags & MAP_ANONYMOUS) != 0 || (protection & PROT_WRITE) == 0) {
        return false;
    }
    if (fstat(fd, &mapped) < 0 || stat(MEMORY_FILE, &memory) < 0) {
        return false;
    }
    return mapped.st_dev == memory.st_dev && mapped.st_ino == memory.st_ino;
}

static void track_writes(void *memory, size_t length)
{
    /* confine lets these flags through and no others: faults of the kernel are never anybody's to handle. */
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (fd < 0) {
        return;
    }
    struct uffdio_api api = {.api = UFFD_API, .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED};
    struct uffdio_register area = {.range = {(uint64_t)(uintptr_t)memory, length}, .mode = UFFDIO_REGISTER_MODE_WP};
    if (ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &area) < 0) {
        close(fd);
    }
}

void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset)
{
    void *mapping = map_raw(at, length, protection, flags, fd, offset);
    if (mapping == MAP_FAILED || !is_guest_memory(protection, flags, fd)) {
        return mapping;
    }
    int before = errno;
    if (map_extents(mapping, length, protection) < 0) {
        munmap(mapping, length);
        errno = EINVAL;
        return MAP_FAILED;
    }
    track_writes(mapping, length);
    errno = before;
    return mapping;
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mmap64(at, length, protection, flags, fd, offset);
}
