/* What is known of files: owners, modes, sizes, times. */
#include "request.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* As of version 39, which the headers of Debian 12 do not have. */
struct statx_time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
};

struct statx_answer {
    uint64_t valid_sec;
    uint32_t valid_nsec, flags;
    uint64_t spare[2];
    uint32_t mask, block_bytes;
    uint64_t attributes;
    uint32_t links, uid, gid;
    uint16_t mode, spare0;
    uint64_t number, bytes, blocks, attributes_mask;
    struct statx_time read, born, altered, changed;
    uint32_t device_major, device_minor, own_major, own_minor;
    uint64_t spare2[14];
};
_Static_assert(sizeof(struct statx_answer) == 288, "as the kernel has it");

static void measure(const struct inode *inode, uint64_t *bytes, uint64_t *blocks)
{
    struct stat now;
    *bytes = inode->target == NULL ? 0 : strlen(inode->target);
    *blocks = 0;
    if (S_ISREG(inode->mode) && fstat(inode->content.live, &now) == 0) {
        *bytes = (uint64_t)now.st_size;
        *blocks = (uint64_t)now.st_blocks;
    }
}

static struct fuse_attr attributes(const struct inode *inode)
{
    struct fuse_attr out = {
        .ino = inode->number,
        .atime = (uint64_t)inode->read.tv_sec,
        .mtime = (uint64_t)inode->changed.tv_sec,
        .ctime = (uint64_t)inode->changed.tv_sec,
        .atimensec = (uint32_t)inode->read.tv_nsec,
        .mtimensec = (uint32_t)inode->changed.tv_nsec,
        .ctimensec = (uint32_t)inode->changed.tv_nsec,
        .mode = inode->mode,
        .nlink = inode->names,
        .uid = inode->uid,
        .gid = inode->gid,
        .rdev = (uint32_t)inode->device,
        .blksize = 4096,
    };
    measure(inode, &out.size, &out.blocks);
    return out;
}

int reply_entry(const struct request *request, struct inode *inode)
{
    inode->lookups++;
    struct fuse_entry_out out = {
        .nodeid = (uint64_t)(uintptr_t)inode,
        .generation = inode->number,
        .entry_valid = VALID_SEC,
        .attr_valid = VALID_SEC,
        .attr = attributes(inode),
    };
    reply(request, 0, &out, sizeof out);
    return 0;
}

int reply_attributes(const struct request *request)
{
    struct fuse_attr_out out = {.attr_valid = VALID_SEC, .attr = attributes(request->inode)};
    reply(request, 0, &out, sizeof out);
    return 0;
}

static struct statx_time time_of(struct timespec time)
{
    return (struct statx_time){.seconds = time.tv_sec, .nanoseconds = (uint32_t)time.tv_nsec};
}

int do_statx(const struct request *request)
{
    const struct inode *inode = request->inode;
    struct statx_answer out = {
        .valid_sec = VALID_SEC,
        .mask = STATX_BASIC_STATS | STATX_BTIME,
        .block_bytes = 4096,
        .links = inode->names,
        .uid = inode->uid,
        .gid = inode->gid,
        .mode = (uint16_t)inode->mode,
        .number = inode->number,
        .read = time_of(inode->read),
        .born = time_of(inode->born),
        .altered = time_of(inode->changed),
        .changed = time_of(inode->changed),
        .device_major = major(inode->device),
        .device_minor = minor(inode->device),
    };
    measure(inode, &out.bytes, &out.blocks);
    reply(request, 0, &out, sizeof out);
    return 0;
}

int do_setattr(const struct request *request)
{
    const struct fuse_setattr_in *in = (const void *)request->body;
    struct inode *inode = request->inode;
    if ((in->valid & FATTR_SIZE) != 0) {
        int error = S_ISREG(inode->mode) ? content_resize(&inode->content, in->size) : EINVAL;
        if (error != 0) {
            return error;
        }
    }
    if ((in->valid & FATTR_MODE) != 0) {
        inode->mode = (inode->mode & S_IFMT) | (in->mode & 07777);
    }
    if ((in->valid & FATTR_UID) != 0) {
        inode->uid = in->uid;
    }
    if ((in->valid & FATTR_GID) != 0) {
        inode->gid = in->gid;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if ((in->valid & FATTR_ATIME) != 0) {
        inode->read = (in->valid & FATTR_ATIME_NOW) != 0
                          ? now
                          : (struct timespec){.tv_sec = (time_t)in->atime, .tv_nsec = in->atimensec};
    }
    if ((in->valid & (FATTR_MTIME | FATTR_SIZE)) != 0) {
        inode->changed = (in->valid & FATTR_MTIME) == 0 || (in->valid & FATTR_MTIME_NOW) != 0
                             ? now
                             : (struct timespec){.tv_sec = (time_t)in->mtime, .tv_nsec = in->mtimensec};
    }
    return reply_attributes(request);
}
