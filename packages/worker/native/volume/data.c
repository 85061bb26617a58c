/* Operations on what is in a file. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "limits.h"
#include "operations.h"
#include "port.h"
#include "quota.h"
#include "room.h"
#include "waiting.h"

#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif

/* Of what a program opens a file with, that which is the host's to know. Where a write goes that appends is said with each write. */
#define KEPT_FLAGS (O_ACCMODE | O_SYNC | O_DSYNC)

/* A file's handle and its descriptor; 0 or an errno. */
static int find_file(struct request *request, uint64_t number, int *fd)
{
    struct handle *handle = handle_find(request->attachment, number, request->node, false);
    *fd = handle == NULL ? -1 : handle_descriptor(request->attachment, handle);
    return *fd < 0 ? errno : 0;
}

static int check_flags(struct request *request, uint32_t flags)
{
    if ((flags & O_ACCMODE) == O_ACCMODE) {
        return EINVAL;
    }
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
    int error = writes ? check_writable(request->attachment) : 0;
    return error == 0 && writes ? quota_begin(request->attachment) : error;
}

int open_node(struct request *request, uint32_t node, uint32_t flags, struct fuse_open_out *open)
{
    struct attachment *attachment = request->attachment;
    int error = check_flags(request, flags);
    uint32_t type = node_at(&attachment->nodes, node)->identity.type;
    if (error != 0 || type != S_IFREG) {
        /* What is neither file nor folder is the guest's own matter: nothing of the host is behind it. */
        return error != 0 ? error : type == S_IFDIR ? EISDIR : type == S_IFLNK ? ELOOP : ENXIO;
    }
    int host_flags = (int)flags & (KEPT_FLAGS | O_TRUNC);
    int path = node_descriptor(&attachment->nodes, node);
    int fd = path < 0 ? -1 : open_again(path, host_flags);
    uint64_t number = fd < 0 ? 0 : handle_open(attachment, node, fd, host_flags & ~O_TRUNC);
    if (number == 0) {
        error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    *open = (struct fuse_open_out){.fh = number, .open_flags = FOPEN_DIRECT_IO};
    return 0;
}

int do_open(struct request *request)
{
    struct fuse_open_in in;
    struct fuse_open_out out;
    int error = TAKE(request, in) ? open_node(request, request->node, in.flags, &out) : EINVAL;
    if (error == 0 && (in.flags & O_TRUNC) != 0 && (in.open_flags & FUSE_OPEN_KILL_SUIDGID) != 0) {
        kill_bits(request);
    }
    if (error == 0) {
        reply(request, &out, sizeof out);
    }
    return error;
}

int do_release(struct request *request)
{
    struct fuse_release_in in;
    struct handle *handle = TAKE(request, in) ? handle_find(request->attachment, in.fh, request->node, false) : NULL;
    if (handle == NULL) {
        return EBADF;
    }
    bool frees = lock_drop_handle(request->attachment, request->node, in.fh);
    if ((in.release_flags & FUSE_RELEASE_FLOCK_UNLOCK) != 0) {
        frees = lock_drop_owner(request->attachment, request->node, in.lock_owner, true) || frees;
    }
    handle_close(request->attachment, handle);
    reply_error(request, 0);
    if (frees) {
        waiting_hurry(request->server);
    }
    return 0;
}

int do_read(struct request *request)
{
    struct fuse_read_in in;
    int fd;
    int error = TAKE(request, in) ? find_file(request, in.fh, &fd) : EINVAL;
    if (error == 0 && (in.read_flags & FUSE_READ_LOCKOWNER) != 0) {
        error = lock_is_lost(request->attachment, request->node, in.lock_owner) ? EIO : 0;
    }
    if (error != 0 || in.size > MAX_DATA_BYTES || in.offset > INT64_MAX) {
        return error != 0 ? error : EINVAL;
    }
    uint8_t *space = port_data_space(request->server, in.size);
    if (space == NULL) {
        return ENOMEM;
    }
    ssize_t bytes = pread(fd, space, in.size, (off_t)in.offset);
    if (bytes < 0) {
        return errno;
    }
    request->attachment->counters.bytes_read += (uint64_t)bytes;
    port_answer_data(request, (size_t)bytes);
    return 0;
}

static ssize_t write_all(int fd, const uint8_t *bytes, size_t length, uint64_t offset, bool appends)
{
    size_t done = 0;
    while (done < length) {
        struct iovec part = {.iov_base = (void *)(uintptr_t)(bytes + done), .iov_len = length - done};
        uint64_t at = offset + done;
        ssize_t written = appends ? syscall(SYS_pwritev2, fd, &part, 1, (unsigned long)at, (unsigned long)(at >> 32), RWF_APPEND)
                                  : pwrite(fd, part.iov_base, part.iov_len, (off_t)at);
        if (written <= 0) {
            return done > 0 ? (ssize_t)done : written;
        }
        done += (size_t)written;
        if (appends) {
            break; /* What another appends may stand behind it. */
        }
    }
    return (ssize_t)done;
}

int do_write(struct request *request)
{
    struct fuse_write_in in;
    struct stat found;
    int fd;
    int error = !TAKE(request, in) || in.size > request->left || in.size > MAX_DATA_BYTES || in.offset > (uint64_t)INT64_MAX - in.size
                    ? EINVAL
                    : check_writable(request->attachment);
    error = error != 0 ? error : find_file(request, in.fh, &fd);
    if (error == 0 && (in.write_flags & FUSE_WRITE_LOCKOWNER) != 0) {
        error = lock_is_lost(request->attachment, request->node, in.lock_owner) ? EIO : 0;
    }
    bool appends = (in.flags & O_APPEND) != 0 && (in.write_flags & FUSE_WRITE_CACHE) == 0;
    if (error == 0 && (request->attachment->account != NULL || request->attachment->floor != 0)) {
        uint64_t start = appends && fstat(fd, &found) == 0 ? (uint64_t)found.st_size : in.offset;
        error = room_for_data(request->attachment, fd, start, in.size);
        error = error != 0 ? error : quota_charge_growth(request->attachment, fd, start + in.size);
    }
    if (error != 0) {
        return error;
    }
    ssize_t written = write_all(fd, request->next, in.size, in.offset, appends);
    if (written < 0) {
        return errno;
    }
    if ((in.write_flags & FUSE_WRITE_KILL_SUIDGID) != 0) {
        kill_bits(request);
    }
    request->attachment->counters.bytes_written += (uint64_t)written;
    struct fuse_write_out out = {.size = (uint32_t)written};
    reply(request, &out, sizeof out);
    return 0;
}

/* The host's kernel flushes a file whenever one of its descriptors is closed. */
static int pass_close(struct request *request, uint64_t fh)
{
    int fd;
    int error = find_file(request, fh, &fd);
    if (error != 0) {
        return error;
    }
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return copy < 0 || close(copy) < 0 ? errno : 0;
}

/* As each close(2) does: the locks of the process on this file go. */
int do_flush(struct request *request)
{
    struct fuse_flush_in in;
    if (!TAKE(request, in) || handle_find(request->attachment, in.fh, request->node, false) == NULL) {
        return EBADF;
    }
    int error = request->attachment->passes_close ? pass_close(request, in.fh) : 0;
    bool frees = lock_drop_owner(request->attachment, request->node, in.lock_owner, false);
    lock_found(request->attachment, request->node, in.lock_owner);
    reply_error(request, error);
    if (frees) {
        waiting_hurry(request->server);
    }
    return 0;
}

int do_fsync(struct request *request)
{
    struct fuse_fsync_in in;
    int fd;
    int error = TAKE(request, in) ? find_file(request, in.fh, &fd) : EINVAL;
    if (error == 0 && ((in.fsync_flags & FUSE_FSYNC_FDATASYNC) != 0 ? fdatasync(fd) : fsync(fd)) < 0) {
        error = errno;
    }
    if (error == 0) {
        reply_error(request, 0);
    }
    return error;
}

int do_fallocate(struct request *request)
{
    struct fuse_fallocate_in in;
    int fd;
    const uint32_t known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_COLLAPSE_RANGE |
                           FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE;
    int error = !TAKE(request, in) || in.offset > INT64_MAX || in.length > (uint64_t)INT64_MAX - in.offset
                    ? EINVAL
                    : check_writable(request->attachment);
    if (error == 0 && (in.mode & ~known) != 0) {
        error = EOPNOTSUPP;
    }
    error = error != 0 ? error : find_file(request, in.fh, &fd);
    if (error == 0 && (in.mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE)) == 0) {
        error = room_for(request->attachment, in.length);
    }
    if (error == 0 && (in.mode & FALLOC_FL_INSERT_RANGE) != 0) {
        error = quota_begin(request->attachment);
        error = error != 0 ? error : quota_charge(request->attachment, in.length);
    } else if (error == 0 && (in.mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE)) == 0) {
        /* Also what is beyond the end and keeps the size: it takes room. */
        error = quota_charge_growth(request->attachment, fd, in.offset + in.length);
    }
    if (error == 0 && fallocate(fd, (int)in.mode, (off_t)in.offset, (off_t)in.length) < 0) {
        error = errno;
    }
    if (error == 0) {
        reply_error(request, 0);
    }
    return error;
}

int do_lseek(struct request *request)
{
    struct fuse_lseek_in in;
    int fd;
    int error = TAKE(request, in) ? find_file(request, in.fh, &fd) : EINVAL;
    if (error != 0 || (in.whence != SEEK_DATA && in.whence != SEEK_HOLE)) {
        return error != 0 ? error : EINVAL;
    }
    off_t found = lseek(fd, (off_t)in.offset, (int)in.whence);
    if (found < 0) {
        return errno;
    }
    struct fuse_lseek_out out = {.offset = (uint64_t)found};
    reply(request, &out, sizeof out);
    return 0;
}

int do_copy_file_range(struct request *request)
{
    struct fuse_copy_file_range_in in;
    struct attachment *attachment = request->attachment;
    int from, to;
    int error = !TAKE(request, in) || in.off_in > INT64_MAX || in.off_out > INT64_MAX - MAX_COPY_BYTES || in.flags != 0
                    ? EINVAL
                    : check_writable(attachment);
    error = error != 0 ? error : find_file(request, in.fh_in, &from);
    uint32_t node = error != 0 ? NO_NODE : node_index(&attachment->nodes, in.nodeid_out);
    struct handle *handle = node == NO_NODE ? NULL : handle_find(attachment, in.fh_out, node, false);
    if (error != 0 || handle == NULL) {
        return error != 0 ? error : EBADF;
    }
    to = handle_descriptor(attachment, handle);
    size_t length = in.len < MAX_COPY_BYTES ? (size_t)in.len : MAX_COPY_BYTES;
    error = to < 0 ? errno : room_for_data(attachment, to, in.off_out, length);
    error = error != 0 ? error : quota_charge_growth(attachment, to, in.off_out + length);
    if (error != 0) {
        return error;
    }
    off_t source = (off_t)in.off_in, target = (off_t)in.off_out;
    ssize_t copied = syscall(SYS_copy_file_range, from, &source, to, &target, length, 0);
    if (copied < 0) {
        return errno;
    }
    struct fuse_write_out out = {.size = (uint32_t)copied};
    reply(request, &out, sizeof out);
    return 0;
}
