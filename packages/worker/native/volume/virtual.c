#include "virtual.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { VIRTUAL_VERSION = 1, NOBODY = 65534 };

int virtual_probe(struct attachment *attachment, int fd)
{
    struct link_name link;
    const char *path = descriptor_link(fd, &link);
    char value[sizeof(struct virtual_stat) + 1];
    if (attachment->readonly) {
        return getxattr(path, VIRTUAL_NAME, value, sizeof value) < 0 && errno != ENODATA ? errno : 0;
    }
    if (setxattr(path, VIRTUAL_PREFIX "probe", "", 0, 0) < 0) {
        return errno == EPERM || errno == EACCES ? EOPNOTSUPP : errno;
    }
    removexattr(path, VIRTUAL_PREFIX "probe");
    return 0;
}

int virtual_apply(const struct attachment *attachment, int fd, struct statx *found)
{
    struct virtual_stat kept;
    struct link_name link;
    char value[sizeof kept + 1];
    if (attachment->stat_mode == STAT_OFF) {
        return 0;
    }
    bool can_keep = S_ISREG(found->stx_mode) || S_ISDIR(found->stx_mode);
    ssize_t length = can_keep ? getxattr(descriptor_link(fd, &link), VIRTUAL_NAME, value, sizeof value) : -1;
    if (length < 0 && (!can_keep || errno == ENODATA || (errno == EOPNOTSUPP && attachment->stat_mode == STAT_RELAXED))) {
        uint32_t owner = found->stx_uid == attachment->host_owner ? 0 : NOBODY;
        found->stx_uid = owner;
        found->stx_gid = owner;
        return 0;
    }
    memcpy(&kept, value, sizeof kept);
    if (length != sizeof kept || kept.version != VIRTUAL_VERSION) {
        return EIO;
    }
    found->stx_uid = kept.uid;
    found->stx_gid = kept.gid;
    found->stx_mode = (uint16_t)kept.mode;
    found->stx_rdev_major = major(kept.rdev);
    found->stx_rdev_minor = minor(kept.rdev);
    return 0;
}

int virtual_set(const struct attachment *attachment, int fd, const struct virtual_stat *kept)
{
    struct link_name link;
    struct virtual_stat value = *kept;
    value.version = VIRTUAL_VERSION;
    if (setxattr(descriptor_link(fd, &link), VIRTUAL_NAME, &value, sizeof value, 0) == 0) {
        return 0;
    }
    return errno == EOPNOTSUPP && attachment->stat_mode == STAT_RELAXED ? 0 : errno;
}

mode_t virtual_host_mode(const struct attachment *attachment, uint32_t mode)
{
    bool is_folder = S_ISDIR(mode);
    mode_t least = is_folder ? 0700 : 0600;
    bool mirrors = attachment->mirrors_permissions && (is_folder || S_ISREG(mode));
    return mirrors ? least | (mode & 0777) : least;
}

struct virtual_stat virtual_of(const struct statx *found)
{
    return (struct virtual_stat){
        .version = VIRTUAL_VERSION,
        .uid = found->stx_uid,
        .gid = found->stx_gid,
        .mode = found->stx_mode,
        .rdev = (uint32_t)makedev(found->stx_rdev_major, found->stx_rdev_minor),
    };
}
