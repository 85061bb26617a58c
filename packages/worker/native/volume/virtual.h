/* Owner, mode and type of a file as the guest has given them, where they are kept in an attribute and not by the host's file system. */
#ifndef VOLUME_VIRTUAL_H
#define VOLUME_VIRTUAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "attachment.h"

#define VIRTUAL_NAME "user.msb.override_stat"
/* All of these are the server's: a guest neither sees nor sets them. */
#define VIRTUAL_PREFIX "user.msb."

struct virtual_stat {
    uint32_t version;
    uint32_t uid;
    uint32_t gid;
    uint32_t mode;
    uint32_t rdev;
};

/* Whether the root can hold the attribute: 0 or an errno. */
int virtual_probe(struct attachment *attachment, int fd);
/* Lays what is kept over what the host tells of a file. 0 or an errno: EIO for what is no such attribute. */
int virtual_apply(const struct attachment *attachment, int fd, struct statx *found);
/* Keeps it. 0 or an errno. */
int virtual_set(const struct attachment *attachment, int fd, const struct virtual_stat *kept);
/* What the host's file has for permissions. */
mode_t virtual_host_mode(const struct attachment *attachment, uint32_t mode);
struct virtual_stat virtual_of(const struct statx *found);

#endif
