#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>
#include <linux/openat2.h>

#define WANTED (STATX_BASIC_STATS | STATX_BTIME)

int enter_descriptors(void)
{
    /* As a mount of its own, so that whoever takes this process over does not find the rest of /proc above it; where that is not ours to make (tests without root) the folder itself. */
    int fd = (int)syscall(SYS_open_tree, AT_FDCWD, "/proc/self/fd", OPEN_TREE_CLONE | O_CLOEXEC);
    if (fd < 0) {
        fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0) {
        return -1;
    }
    int failed = fchdir(fd);
    int error = errno;
    close(fd);
    errno = error;
    return failed;
}

int open_beneath(int folder, const char *name, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
        .mode = (flags & O_CREAT) != 0 ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    for (;;) {
        int fd = (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
        /* The kernel says so when a rename elsewhere kept it from being sure; one component cannot lead out, so it is tried again. */
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
            return fd;
        }
    }
}

const char *descriptor_link(int fd, struct link_name *name)
{
    snprintf(name->text, sizeof name->text, "%d", fd);
    return name->text;
}

int open_again(int fd, int flags)
{
    struct link_name name;
    return open(descriptor_link(fd, &name), flags | O_CLOEXEC | O_NOCTTY);
}

int stat_descriptor(int fd, struct statx *found)
{
    return (int)syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, WANTED, found);
}

int stat_beneath(int folder, const char *name, struct statx *found)
{
    return (int)syscall(SYS_statx, folder, name, AT_SYMLINK_NOFOLLOW, WANTED, found);
}

struct identity identity_of(const struct statx *found)
{
    struct identity identity = {.inode = found->stx_ino, .type = found->stx_mode & S_IFMT};
    if ((found->stx_mask & STATX_BTIME) != 0) {
        identity.born_seconds = found->stx_btime.tv_sec;
        identity.born_nanoseconds = found->stx_btime.tv_nsec;
    }
    return identity;
}

bool is_same(const struct identity *one, const struct identity *other)
{
    return one->inode == other->inode && one->born_seconds == other->born_seconds &&
           one->born_nanoseconds == other->born_nanoseconds && one->type == other->type;
}
