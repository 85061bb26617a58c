/* Operations on what is known of a file beside its name and content. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "operations.h"
#include "quota.h"
#include "virtual.h"

enum { QUOTA_BLOCK_BYTES = 4096 };

static int answer_with_attributes(struct request *request)
{
    struct statx found;
    int error = stat_descriptor(request->fd, &found) < 0 ? errno : virtual_apply(request->attachment, request->fd, &found);
    if (error == 0) {
        reply_attributes(request, &found);
    }
    return error;
}

int do_getattr(struct request *request)
{
    return answer_with_attributes(request);
}

static int set_virtual(struct request *request, const struct fuse_setattr_in *in, bool kills_bits)
{
    struct statx found;
    struct link_name link;
    const struct attachment *attachment = request->attachment;
    int error = stat_descriptor(request->fd, &found) < 0 ? errno : virtual_apply(attachment, request->fd, &found);
    if (error != 0) {
        return error;
    }
    struct virtual_stat kept = virtual_of(&found);
    bool runs_as_group = (kept.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    if (kills_bits && S_ISREG(kept.mode)) {
        kept.mode &= ~(uint32_t)(S_ISUID | (runs_as_group ? S_ISGID : 0));
    }
    if ((in->valid & FATTR_MODE) != 0) {
        kept.mode = (kept.mode & S_IFMT) | (in->mode & 07777);
        if (attachment->mirrors_permissions && chmod(descriptor_link(request->fd, &link), virtual_host_mode(attachment, kept.mode)) < 0) {
            return errno;
        }
    }
    kept.uid = (in->valid & FATTR_UID) != 0 ? in->uid : kept.uid;
    kept.gid = (in->valid & FATTR_GID) != 0 ? in->gid : kept.gid;
    return virtual_set(attachment, request->fd, &kept);
}

/* The owner first: a change of it takes bits of the mode away. */
static int set_on_host(struct request *request, const struct fuse_setattr_in *in)
{
    if ((in->valid & (FATTR_UID | FATTR_GID)) != 0) {
        uid_t uid = (in->valid & FATTR_UID) != 0 ? in->uid : (uid_t)-1;
        gid_t gid = (in->valid & FATTR_GID) != 0 ? in->gid : (gid_t)-1;
        if (fchownat(request->fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) {
            return errno;
        }
    }
    struct link_name link;
    if ((in->valid & FATTR_MODE) != 0) {
        if (node_at(&request->attachment->nodes, request->node)->identity.type == S_IFLNK) {
            return EOPNOTSUPP;
        }
        return chmod(descriptor_link(request->fd, &link), in->mode & 07777) < 0 ? errno : 0;
    }
    return 0;
}

int kill_bits(struct request *request)
{
    struct statx found;
    struct link_name link;
    request->fd = node_descriptor(&request->attachment->nodes, request->node);
    if (request->fd < 0) {
        return errno;
    }
    if (request->attachment->stat_mode != STAT_OFF) {
        const struct fuse_setattr_in nothing = {.valid = 0};
        return set_virtual(request, &nothing, true);
    }
    if (stat_descriptor(request->fd, &found) < 0) {
        return errno;
    }
    mode_t mode = found.stx_mode & 07777;
    bool runs_as_group = (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    if ((mode & S_ISUID) == 0 && !runs_as_group) {
        return 0;
    }
    mode &= ~(mode_t)(S_ISUID | (runs_as_group ? S_ISGID : 0));
    return chmod(descriptor_link(request->fd, &link), mode) < 0 ? errno : 0;
}

static int set_size(struct request *request, const struct fuse_setattr_in *in)
{
    if (node_at(&request->attachment->nodes, request->node)->identity.type != S_IFREG) {
        return node_at(&request->attachment->nodes, request->node)->identity.type == S_IFDIR ? EISDIR : EINVAL;
    }
    struct handle *handle = NULL;
    if ((in->valid & FATTR_FH) != 0) {
        handle = handle_find(request->attachment, in->fh, request->node, false);
        if (handle == NULL) {
            return errno;
        }
    }
    int fd = handle != NULL ? handle_descriptor(request->attachment, handle) : open_again(request->fd, O_WRONLY);
    if (fd < 0) {
        return errno;
    }
    int error = in->size > INT64_MAX ? EINVAL : quota_charge_growth(request->attachment, fd, in->size);
    if (error == 0 && ftruncate(fd, (off_t)in->size) < 0) {
        error = errno;
    }
    if (handle == NULL) {
        close(fd);
    }
    if (error == 0 && (in->valid & FATTR_KILL_SUIDGID) != 0) {
        error = kill_bits(request);
    }
    return error;
}

static struct timespec time_of(bool is_set, bool is_now, uint64_t seconds, uint32_t nanoseconds)
{
    if (!is_set) {
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    }
    if (is_now) {
        return (struct timespec){.tv_nsec = UTIME_NOW};
    }
    return (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)nanoseconds};
}

static int set_times(struct request *request, const struct fuse_setattr_in *in)
{
    if (in->atimensec > 999999999u || in->mtimensec > 999999999u) {
        return EINVAL;
    }
    const struct timespec times[2] = {
        time_of((in->valid & FATTR_ATIME) != 0, (in->valid & FATTR_ATIME_NOW) != 0, in->atime, in->atimensec),
        time_of((in->valid & FATTR_MTIME) != 0, (in->valid & FATTR_MTIME_NOW) != 0, in->mtime, in->mtimensec),
    };
    return syscall(SYS_utimensat, request->fd, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

int do_setattr(struct request *request)
{
    struct fuse_setattr_in in;
    int error = !TAKE(request, in) ? EINVAL : check_writable(request->attachment);
    if (error != 0) {
        return error;
    }
    if ((in.valid & (FATTR_MODE | FATTR_UID | FATTR_GID)) != 0) {
        bool changes_owner = (in.valid & (FATTR_UID | FATTR_GID)) != 0;
        error = request->attachment->stat_mode != STAT_OFF ? set_virtual(request, &in, changes_owner) : set_on_host(request, &in);
    }
    if (error == 0 && (in.valid & FATTR_SIZE) != 0 && (in.valid & FATTR_LOCKOWNER) != 0) {
        error = lock_is_lost(request->attachment, request->node, in.lock_owner) ? EIO : 0;
    }
    if (error == 0 && (in.valid & FATTR_SIZE) != 0) {
        error = set_size(request, &in);
    }
    if (error == 0 && (in.valid & (FATTR_ATIME | FATTR_MTIME)) != 0) {
        error = set_times(request, &in);
    }
    return error != 0 ? error : answer_with_attributes(request);
}

/* With a quota `df` shows that, and not the host's disk. */
static void show_quota(const struct attachment *attachment, struct fuse_kstatfs *shown)
{
    uint64_t used = quota_used(attachment);
    uint64_t left = used < attachment->quota ? (attachment->quota - used) / QUOTA_BLOCK_BYTES : 0;
    uint64_t on_host = shown->bavail * shown->bsize / QUOTA_BLOCK_BYTES;
    shown->bsize = shown->frsize = QUOTA_BLOCK_BYTES;
    shown->blocks = attachment->quota / QUOTA_BLOCK_BYTES;
    shown->bfree = shown->bavail = left < on_host ? left : on_host;
}

/* What the host keeps for itself is not there to be had. */
static void hide_floor(const struct attachment *attachment, struct fuse_kstatfs *shown)
{
    uint64_t kept = shown->frsize == 0 ? 0 : (attachment->floor + shown->frsize - 1) / shown->frsize;
    shown->bavail -= kept < shown->bavail ? kept : shown->bavail;
}

int do_statfs(struct request *request)
{
    struct statfs found;
    if (fstatfs(request->fd, &found) < 0) {
        return errno;
    }
    struct fuse_statfs_out out = {.st = {
                                      .blocks = found.f_blocks,
                                      .bfree = found.f_bfree,
                                      .bavail = found.f_bavail,
                                      .files = found.f_files,
                                      .ffree = found.f_ffree,
                                      .bsize = (uint32_t)found.f_bsize,
                                      .namelen = MAX_NAME_BYTES,
                                      .frsize = (uint32_t)(found.f_frsize != 0 ? found.f_frsize : found.f_bsize),
                                  }};
    hide_floor(request->attachment, &out.st);
    if (request->attachment->account != NULL) {
        show_quota(request->attachment, &out.st);
    }
    reply(request, &out, sizeof out);
    return 0;
}
