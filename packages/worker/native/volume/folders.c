/* Operations on folders that are open. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "limits.h"
#include "operations.h"

/* As getdents64(2) has it. */
struct host_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* An entry with what it is takes four times what the host needs for its name at least. */
enum { PLUS_SHARE = 4, LEAST_LISTING_BYTES = 512 };

int do_opendir(struct request *request)
{
    struct attachment *attachment = request->attachment;
    if (node_at(&attachment->nodes, request->node)->identity.type != S_IFDIR) {
        return ENOTDIR;
    }
    int fd = open_again(request->fd, O_RDONLY | O_DIRECTORY);
    uint64_t number = fd < 0 ? 0 : handle_open(attachment, request->node, fd, O_RDONLY | O_DIRECTORY);
    if (number == 0) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    struct fuse_open_out out = {.fh = number};
    reply(request, &out, sizeof out);
    return 0;
}

int do_releasedir(struct request *request)
{
    struct fuse_release_in in;
    struct handle *handle = TAKE(request, in) ? handle_find(request->attachment, in.fh, request->node, true) : NULL;
    if (handle == NULL) {
        return EBADF;
    }
    lock_drop_handle(request->attachment, request->node, in.fh);
    if ((in.release_flags & FUSE_RELEASE_FLOCK_UNLOCK) != 0) {
        lock_drop_owner(request->attachment, request->node, in.lock_owner, true);
    }
    handle_close(request->attachment, handle);
    reply_error(request, 0);
    return 0;
}

int do_fsyncdir(struct request *request)
{
    struct fuse_fsync_in in;
    struct handle *handle = TAKE(request, in) ? handle_find(request->attachment, in.fh, request->node, true) : NULL;
    int fd = handle == NULL ? -1 : handle_descriptor(request->attachment, handle);
    if (fd < 0 || fsync(fd) < 0) {
        return handle == NULL ? EBADF : errno;
    }
    reply_error(request, 0);
    return 0;
}

/* Where types are the guest's, a file may be anything. */
static uint32_t shown_type(const struct request *request, uint8_t type)
{
    return request->attachment->stat_mode != STAT_OFF && type == DT_REG ? DT_UNKNOWN : type;
}

static size_t put_plain(struct request *request, const struct host_entry *entry, uint8_t *space, size_t room)
{
    size_t length = strlen(entry->name);
    struct fuse_dirent out = {.ino = entry->inode, .off = (uint64_t)entry->offset, .namelen = (uint32_t)length,
                              .type = shown_type(request, entry->type)};
    size_t bytes = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
    if (bytes > room) {
        return 0;
    }
    memset(space, 0, bytes);
    memcpy(space, &out, FUSE_NAME_OFFSET);
    memcpy(space + FUSE_NAME_OFFSET, entry->name, length);
    return bytes;
}

/* With what it is, which counts as a look-up; without, for what is gone meanwhile and for the two that are no names. */
static size_t put_plus(struct request *request, const struct host_entry *entry, uint8_t *space, size_t room)
{
    size_t length = strlen(entry->name);
    size_t bytes = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + length);
    struct fuse_direntplus out = {.dirent = {.ino = entry->inode, .off = (uint64_t)entry->offset, .namelen = (uint32_t)length,
                                             .type = shown_type(request, entry->type)}};
    struct statx found;
    uint32_t node;
    if (bytes > room) {
        return 0;
    }
    bool is_name = strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0;
    if (is_name && look_up(request, request->node, request->fd, entry->name, &node, &found) == 0) {
        struct fuse_entry_out known;
        fill_entry(request, node, &found, &known);
        out.entry_out = known;
        out.dirent.type = (uint32_t)(found.stx_mode & S_IFMT) >> 12;
    }
    memset(space, 0, bytes);
    memcpy(space, &out, FUSE_NAME_OFFSET_DIRENTPLUS);
    memcpy(space + FUSE_NAME_OFFSET_DIRENTPLUS, entry->name, length);
    return bytes;
}

typedef size_t (*put_entry)(struct request *request, const struct host_entry *entry, uint8_t *space, size_t room);

static int list(struct request *request, put_entry put, size_t share)
{
    struct fuse_read_in in;
    struct handle *handle = TAKE(request, in) ? handle_find(request->attachment, in.fh, request->node, true) : NULL;
    int fd = handle == NULL ? -1 : handle_descriptor(request->attachment, handle);
    if (fd < 0) {
        return handle == NULL ? EBADF : errno;
    }
    static uint8_t out[MAX_LISTING_BYTES];
    static _Alignas(8) uint8_t entries[MAX_LISTING_BYTES];
    size_t room = in.size < sizeof out ? in.size : sizeof out;
    size_t asked = room / share < LEAST_LISTING_BYTES ? LEAST_LISTING_BYTES : room / share;
    if ((int64_t)in.offset != handle->position && lseek(fd, (off_t)in.offset, SEEK_SET) < 0) {
        return errno;
    }
    long length = syscall(SYS_getdents64, fd, entries, asked);
    if (length < 0) {
        return errno;
    }
    size_t used = 0;
    handle->position = (int64_t)in.offset;
    for (long at = 0; at < length;) {
        const struct host_entry *entry = (const struct host_entry *)(entries + at);
        size_t bytes = put(request, entry, out + used, room - used);
        if (bytes == 0) {
            handle->position = -1; /* The descriptor is further than the guest. */
            break;
        }
        used += bytes;
        at += entry->length;
        handle->position = entry->offset;
    }
    if (used == 0 && length > 0) {
        return EINVAL;
    }
    reply(request, out, used);
    return 0;
}

int do_readdir(struct request *request)
{
    return list(request, put_plain, 1);
}

int do_readdirplus(struct request *request)
{
    return list(request, put_plus, PLUS_SHARE);
}
