/* What is in files, and on how much room. */
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

int do_read(const struct request *request)
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

int do_write(const struct request *request)
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

int do_fallocate(const struct request *request)
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

int do_lseek(const struct request *request)
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

int do_fsync(const struct request *request)
{
    struct inode *inode = request->inode;
    int error = S_ISREG(inode->mode) ? content_sync(&inode->content) : 0;
    if (S_ISDIR(inode->mode)) {
        names_sync(inode);
    }
    reply(request, error, NULL, 0);
    return 0;
}

int do_statfs(const struct request *request)
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
