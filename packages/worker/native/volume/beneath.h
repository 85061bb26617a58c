/*
 * The only way from a name to a file: one component, beneath an open folder, never through a link. What is done with a file by its descriptor alone goes
 * over /proc/self/fd, which is the working directory of this process.
 */
#ifndef VOLUME_BENEATH_H
#define VOLUME_BENEATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#ifndef __GLIBC__
#include <linux/stat.h>
#endif

/* What stays the same for as long as a file lives, whatever its name, and over a new mount of its file system. */
struct identity {
    uint64_t inode;
    int64_t born_seconds;
    uint32_t born_nanoseconds;
    /* S_IFMT bits on the host. */
    uint32_t type;
};

/* Room for a descriptor's decimal number. */
struct link_name {
    char text[12];
};

/* Makes /proc/self/fd, which ends there for `..`, the working directory. 0 or -1 with errno. */
int enter_descriptors(void);

/* Of `name` in `folder`; -1 with errno. O_CLOEXEC and O_NOFOLLOW are added. */
int open_beneath(int folder, const char *name, int flags, mode_t mode);
/* The same file anew, with other flags; for regular files and folders alone. */
int open_again(int fd, int flags);
/* The name of a descriptor in the working directory, for calls that follow links. */
const char *descriptor_link(int fd, struct link_name *name);

int stat_descriptor(int fd, struct statx *found);
int stat_beneath(int folder, const char *name, struct statx *found);
struct identity identity_of(const struct statx *found);
bool is_same(const struct identity *one, const struct identity *other);

#endif
