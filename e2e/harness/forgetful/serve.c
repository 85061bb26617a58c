/* One request after the other: what is asked is over when it is answered, so a cut comes between two. */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    MAX_DATA_BYTES = 1024 * 1024,
    MAX_DATA_PAGES = MAX_DATA_BYTES / 4096,
    /* With room for what stands in front of the data. */
    BUFFER_BYTES = MAX_DATA_BYTES + 8192,
    LINK_MODE = 0777,
    BLOCK_SIZE = 512,
    /* The version of the protocol with times of birth. */
    MINOR = 39,
    STATX = 52,
};
/* Names and attributes change by the kernel alone. */
enum { VALID_SEC = 1 };

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

struct request {
    int device, home;
    const struct fuse_in_header *header;
    struct inode *inode;
    const char *body;
    size_t bytes;
};

static struct inode *top;
static char answer[MAX_DATA_BYTES] __attribute__((aligned(16)));

static void reply(const struct request *request, int error, const void *data, size_t bytes)
{
    struct fuse_out_header header = {
        .len = (uint32_t)(sizeof header + bytes), .error = -error, .unique = request->header->unique};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)data, bytes}};
    /* ENOENT: whoever asked is gone. */
    if (writev(request->device, parts, 2) < 0 && errno != ENOENT && errno != ENODEV) {
        abort();
    }
}

static struct inode *node(uint64_t number)
{
    return number == FUSE_ROOT_ID ? top : (struct inode *)(uintptr_t)number;
}

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

static int reply_entry(const struct request *request, struct inode *inode)
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

static int reply_attributes(const struct request *request)
{
    struct fuse_attr_out out = {.attr_valid = VALID_SEC, .attr = attributes(request->inode)};
    reply(request, 0, &out, sizeof out);
    return 0;
}

static struct statx_time time_of(struct timespec time)
{
    return (struct statx_time){.seconds = time.tv_sec, .nanoseconds = (uint32_t)time.tv_nsec};
}

static int do_statx(const struct request *request)
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

static int do_init(const struct request *request)
{
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION,
        .minor = MINOR,
        .max_readahead = MAX_DATA_BYTES,
        .flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_NO_OPEN_SUPPORT | FUSE_NO_OPENDIR_SUPPORT,
        .max_background = 64,
        .congestion_threshold = 48,
        .max_write = MAX_DATA_BYTES,
        .time_gran = 1,
        .max_pages = MAX_DATA_PAGES,
    };
    reply(request, 0, &out, sizeof out);
    return 0;
}

static int do_lookup(const struct request *request)
{
    const struct entry *entry = names_find(request->inode, request->body);
    return entry == NULL ? ENOENT : reply_entry(request, entry->inode);
}

static int do_setattr(const struct request *request)
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

static int add(const struct request *request, const char *name, mode_t mode, dev_t device, const char *target)
{
    int error = 0;
    if (names_find(request->inode, name) != NULL) {
        return EEXIST;
    }
    struct inode *inode = names_make(mode, request->header->uid, request->header->gid, &error);
    if (inode == NULL) {
        return error;
    }
    inode->device = device;
    inode->target = target == NULL ? NULL : strdup(target);
    error = names_change((struct change){.to = request->inode, .to_name = name, .what = inode});
    return error != 0 ? error : reply_entry(request, inode);
}

static int do_mknod(const struct request *request)
{
    const struct fuse_mknod_in *in = (const void *)request->body;
    return add(request, request->body + sizeof *in, in->mode, in->rdev, NULL);
}

static int do_mkdir(const struct request *request)
{
    const struct fuse_mkdir_in *in = (const void *)request->body;
    return add(request, request->body + sizeof *in, S_IFDIR | (in->mode & 07777), 0, NULL);
}

static int do_symlink(const struct request *request)
{
    return add(request, request->body, S_IFLNK | LINK_MODE, 0, request->body + strlen(request->body) + 1);
}

static int do_readlink(const struct request *request)
{
    if (request->inode->target == NULL) {
        return EINVAL;
    }
    reply(request, 0, request->inode->target, strlen(request->inode->target));
    return 0;
}

static int do_link(const struct request *request)
{
    const struct fuse_link_in *in = (const void *)request->body;
    const char *name = request->body + sizeof *in;
    if (names_find(request->inode, name) != NULL) {
        return EEXIST;
    }
    struct inode *inode = node(in->oldnodeid);
    int error = names_change((struct change){.to = request->inode, .to_name = name, .what = inode});
    return error != 0 ? error : reply_entry(request, inode);
}

static int remove_name(const struct request *request, bool is_folder)
{
    const struct entry *entry = names_find(request->inode, request->body);
    if (entry == NULL) {
        return ENOENT;
    }
    if (is_folder && entry->inode->live != NULL) {
        return ENOTEMPTY;
    }
    int error =
        names_change((struct change){.from = request->inode, .from_name = request->body, .what = entry->inode});
    reply(request, error, NULL, 0);
    return 0;
}

static int move(const struct request *request, uint64_t to, uint32_t flags, const char *name)
{
    const char *to_name = name + strlen(name) + 1;
    const struct entry *entry = names_find(request->inode, name);
    const struct entry *there = names_find(node(to), to_name);
    if (entry == NULL) {
        return ENOENT;
    }
    if ((flags & ~(uint32_t)RENAME_NOREPLACE) != 0) {
        return EINVAL;
    }
    if (there != NULL && (flags & RENAME_NOREPLACE) != 0) {
        return EEXIST;
    }
    if (there != NULL && there->inode->live != NULL) {
        return ENOTEMPTY;
    }
    int error = there != NULL && there->inode == entry->inode
                    ? 0
                    : names_change((struct change){
                          .from = request->inode,
                          .from_name = name,
                          .to = node(to),
                          .to_name = to_name,
                          .what = entry->inode,
                      });
    reply(request, error, NULL, 0);
    return 0;
}

static int do_read(const struct request *request)
{
    const struct fuse_read_in *in = (const void *)request->body;
    size_t wanted = in->size < sizeof answer ? in->size : sizeof answer;
    ssize_t got = pread(request->inode->content.live, answer, wanted, (off_t)in->offset);
    if (got < 0) {
        return errno;
    }
    reply(request, 0, answer, (size_t)got);
    return 0;
}

static int do_write(const struct request *request)
{
    const struct fuse_write_in *in = (const void *)request->body;
    struct content *content = &request->inode->content;
    int error = content_changing(content, in->offset, in->size);
    ssize_t put = error != 0 ? -1 : pwrite(content->live, request->body + sizeof *in, in->size, (off_t)in->offset);
    if (put < 0) {
        return error != 0 ? error : errno;
    }
    clock_gettime(CLOCK_REALTIME, &request->inode->changed);
    struct fuse_write_out out = {.size = (uint32_t)put};
    reply(request, 0, &out, sizeof out);
    return 0;
}

static int do_fallocate(const struct request *request)
{
    const struct fuse_fallocate_in *in = (const void *)request->body;
    struct content *content = &request->inode->content;
    const uint32_t known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
    if ((in->mode & ~known) != 0) {
        return EOPNOTSUPP;
    }
    int error = content_changing(content, in->offset, in->length);
    if (error == 0 && fallocate(content->live, (int)in->mode, (off_t)in->offset, (off_t)in->length) != 0) {
        error = errno;
    }
    reply(request, error, NULL, 0);
    return 0;
}

static int do_lseek(const struct request *request)
{
    const struct fuse_lseek_in *in = (const void *)request->body;
    off_t at = lseek(request->inode->content.live, (off_t)in->offset, (int)in->whence);
    if (at < 0) {
        return errno;
    }
    struct fuse_lseek_out out = {.offset = (uint64_t)at};
    reply(request, 0, &out, sizeof out);
    return 0;
}

static int do_readdir(const struct request *request)
{
    const struct fuse_read_in *in = (const void *)request->body;
    size_t room = in->size < sizeof answer ? in->size : sizeof answer;
    size_t used = 0;
    for (const struct entry *entry = request->inode->live; entry != NULL; entry = entry->next) {
        size_t length = strlen(entry->name);
        size_t bytes = FUSE_DIRENT_ALIGN(offsetof(struct fuse_dirent, name) + length);
        if (entry->cookie <= in->offset) {
            continue;
        }
        if (used + bytes > room) {
            break;
        }
        struct fuse_dirent *out = (void *)(answer + used);
        memset(out, 0, bytes);
        out->ino = entry->inode->number;
        out->off = entry->cookie;
        out->namelen = (uint32_t)length;
        out->type = (entry->inode->mode & S_IFMT) >> 12;
        memcpy(out->name, entry->name, length);
        used += bytes;
    }
    reply(request, 0, answer, used);
    return 0;
}

static int do_fsync(const struct request *request)
{
    struct inode *inode = request->inode;
    int error = S_ISREG(inode->mode) ? content_sync(&inode->content) : 0;
    if (S_ISDIR(inode->mode)) {
        names_sync(inode);
    }
    reply(request, error, NULL, 0);
    return 0;
}

static int do_statfs(const struct request *request)
{
    struct statvfs now;
    if (fstatvfs(request->home, &now) != 0) {
        return errno;
    }
    struct fuse_statfs_out out = {.st = {
                                      .blocks = now.f_blocks,
                                      .bfree = now.f_bfree,
                                      .bavail = now.f_bavail,
                                      .files = now.f_files,
                                      .ffree = now.f_ffree,
                                      .bsize = (uint32_t)now.f_bsize,
                                      .frsize = (uint32_t)now.f_frsize,
                                      .namelen = NAME_MAX,
                                  }};
    reply(request, 0, &out, sizeof out);
    return 0;
}

static void forget_batch(const struct request *request)
{
    const struct fuse_batch_forget_in *in = (const void *)request->body;
    const struct fuse_forget_one *ones = (const void *)(in + 1);
    for (uint32_t i = 0; i < in->count; i++) {
        names_forget_lookups(node(ones[i].nodeid), ones[i].nlookup);
    }
}

/* An error number is yet to be said; what was done has been. */
static int answer_to(const struct request *request)
{
    const char *body = request->body;
    switch (request->header->opcode) {
    case FUSE_INIT: return do_init(request);
    case FUSE_LOOKUP: return do_lookup(request);
    case FUSE_GETATTR: return reply_attributes(request);
    case STATX: return do_statx(request);
    case FUSE_SETATTR: return do_setattr(request);
    case FUSE_READLINK: return do_readlink(request);
    case FUSE_SYMLINK: return do_symlink(request);
    case FUSE_MKNOD: return do_mknod(request);
    case FUSE_MKDIR: return do_mkdir(request);
    case FUSE_UNLINK: return remove_name(request, false);
    case FUSE_RMDIR: return remove_name(request, true);
    case FUSE_RENAME:
        return move(request, ((const struct fuse_rename_in *)body)->newdir, 0, body + sizeof(struct fuse_rename_in));
    case FUSE_RENAME2:
        return move(request, ((const struct fuse_rename2_in *)body)->newdir,
                    ((const struct fuse_rename2_in *)body)->flags, body + sizeof(struct fuse_rename2_in));
    case FUSE_LINK: return do_link(request);
    case FUSE_READ: return do_read(request);
    case FUSE_WRITE: return do_write(request);
    case FUSE_FALLOCATE: return do_fallocate(request);
    case FUSE_LSEEK: return do_lseek(request);
    case FUSE_READDIR: return do_readdir(request);
    case FUSE_FSYNC:
    case FUSE_FSYNCDIR: return do_fsync(request);
    case FUSE_STATFS: return do_statfs(request);
    case FUSE_DESTROY: reply(request, 0, NULL, 0); return 0;
    /* Extended attributes, opening, access by others than the kernel, locks of others than the kernel. */
    default: return ENOSYS;
    }
}

/* Needs no answer, and gets none. */
static bool is_notice(const struct request *request)
{
    switch (request->header->opcode) {
    case FUSE_FORGET:
        names_forget_lookups(request->inode, ((const struct fuse_forget_in *)request->body)->nlookup);
        return true;
    case FUSE_BATCH_FORGET: forget_batch(request); return true;
    case FUSE_INTERRUPT: return true;
    default: return false;
    }
}

int serve(int device, int home, struct inode *root, const struct power *power)
{
    static char buffer[BUFFER_BYTES] __attribute__((aligned(16)));
    sigset_t none;
    sigemptyset(&none);
    top = root;
    for (;;) {
        struct pollfd asked = {.fd = device, .events = POLLIN};
        ppoll(&asked, 1, NULL, &none);
        if (power->is_back) {
            return 0;
        }
        ssize_t bytes = read(device, buffer, sizeof buffer);
        if (bytes < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) {
            continue;
        }
        if (bytes < 0) {
            return errno == ENODEV ? 0 : errno;
        }
        const struct fuse_in_header *header = (const void *)buffer;
        struct request request = {
            .device = device,
            .home = home,
            .header = header,
            .inode = node(header->nodeid),
            .body = buffer + sizeof *header,
            .bytes = (size_t)bytes - sizeof *header,
        };
        if (is_notice(&request)) {
            continue;
        }
        bool lives = !power->is_cut || header->opcode == FUSE_INIT || header->opcode == FUSE_DESTROY;
        int error = lives ? answer_to(&request) : EIO;
        if (error != 0) {
            reply(&request, error, NULL, 0);
        }
    }
}
