/*
 * Preloaded into QEMU before 8.2, which opens the file of a private memory backend for writing although it never
 * writes to it. A QEMU that a guest has taken over could then change the memory of every sibling restored from the
 * same snapshot. This turns that one open into a read-only one; the private mapping stays writable.
 *
 * QEMU 8.2 and later do the same with memory-backend-file,readonly=on,rom=off, and are not given this library.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory/guest-memory.h"

/*
 * glibc's fortified open of large files without a mode: what a distribution's QEMU calls when it opens guest memory.
 * A QEMU that calls another open is refused by the file's permissions and does not start: safe, and plain to see.
 */
int __open64_2(const char *path, int flags);

int __open64_2(const char *path, int flags)
{
    if (strcmp(path, MEMORY_FILE) == 0) {
        flags = (flags & ~O_ACCMODE) | O_RDONLY;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, 0);
}
