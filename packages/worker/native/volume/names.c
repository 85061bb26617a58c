/* Operations on names: what makes, finds, moves and removes them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "limits.h"
#include "operations.h"
#include "quota.h"
#include "room.h"
#include "virtual.h"

int look_up(struct request *request, uint32_t parent, int folder, const char *name, uint32_t *node, struct statx *found)
{
    struct attachment *attachment = request->attachment;
    int fd = open_beneath(folder, name, O_PATH, 0);
    if (fd < 0) {
        return errno;
    }
    int error = stat_descriptor(fd, found) < 0 ? errno : 0;
    struct identity identity = identity_of(found);
    if (error == 0) {
        error = virtual_apply(attachment, fd, found);
    }
    if (error != 0) {
        close(fd);
        return error;
    }
    *node = node_found(&attachment->nodes, parent, name, fd, &identity);
    return *node == NO_NODE ? errno : 0;
}

static int answer_with(struct request *request, const char *name)
{
    uint32_t node;
    struct statx found;
    int error = look_up(request, request->node, request->fd, name, &node, &found);
    if (error == 0) {
        reply_found(request, node, &found);
    }
    return error;
}

int do_lookup(struct request *request)
{
    const char *name = take_name(request);
    return name == NULL ? EINVAL : answer_with(request, name);
}

/* Of a file in a folder with the set-group-id bit the group is the folder's. */
static gid_t group_of(const struct request *request)
{
    struct statx folder;
    bool inherits = stat_descriptor(request->fd, &folder) == 0 &&
                    virtual_apply(request->attachment, request->fd, &folder) == 0 && (folder.stx_mode & S_ISGID) != 0;
    return inherits ? folder.stx_gid : request->in.gid;
}

/* The host may have it that files are ours alone: then what is made is, as is told. */
static int own(int folder, const char *name, uid_t uid, gid_t gid)
{
    struct statx found;
    if (stat_beneath(folder, name, &found) == 0 && found.stx_uid == uid && found.stx_gid == gid) {
        return 0;
    }
    return fchownat(folder, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EPERM ? errno : 0;
}

static int keep_virtual(struct request *request, const char *name, uint32_t mode, uint32_t rdev)
{
    int fd = open_beneath(request->fd, name, O_PATH, 0);
    if (fd < 0) {
        return errno;
    }
    struct virtual_stat kept = {.uid = request->in.uid, .gid = group_of(request), .mode = mode, .rdev = rdev};
    int error = virtual_set(request->attachment, fd, &kept);
    close(fd);
    return error;
}

/* What was just made gets its owner, and the bits of its mode that a change of owner takes away. */
static int finish(struct request *request, const char *name, uint32_t mode, uint32_t rdev)
{
    if (request->attachment->stat_mode != STAT_OFF) {
        return keep_virtual(request, name, mode, rdev);
    }
    int error = own(request->fd, name, request->in.uid, group_of(request));
    if (error != 0 || (mode & 07000) == 0 || S_ISLNK(mode)) {
        return error;
    }
    int fd = open_beneath(request->fd, name, O_PATH, 0);
    struct link_name link;
    error = fd < 0 || chmod(descriptor_link(fd, &link), mode & 07777) < 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int finish_or_remove(struct request *request, const char *name, uint32_t mode, uint32_t rdev)
{
    int error = finish(request, name, mode, rdev);
    if (error != 0) {
        unlinkat(request->fd, name, S_ISDIR(mode) ? AT_REMOVEDIR : 0);
    }
    return error;
}

static mode_t host_mode(const struct request *request, uint32_t mode)
{
    return request->attachment->stat_mode == STAT_OFF ? mode & 0777 : virtual_host_mode(request->attachment, mode);
}

int do_mkdir(struct request *request)
{
    struct fuse_mkdir_in in;
    const char *name = TAKE(request, in) ? take_name(request) : NULL;
    int error = name == NULL ? EINVAL : check_writable(request->attachment);
    if (error != 0) {
        return error;
    }
    uint32_t mode = S_IFDIR | (in.mode & 07777);
    struct statx folder;
    if (mkdirat(request->fd, name, host_mode(request, mode)) < 0) {
        return errno;
    }
    /* A folder below one with the set-group-id bit has it too. */
    if (stat_descriptor(request->fd, &folder) == 0 && virtual_apply(request->attachment, request->fd, &folder) == 0) {
        mode |= folder.stx_mode & S_ISGID;
    }
    error = finish_or_remove(request, name, mode, 0);
    return error != 0 ? error : answer_with(request, name);
}

static int make_empty(struct request *request, const char *name, uint32_t mode)
{
    int fd = open_beneath(request->fd, name, O_CREAT | O_EXCL | O_WRONLY, host_mode(request, mode));
    if (fd < 0) {
        return errno;
    }
    close(fd);
    return 0;
}

static int make_node(struct request *request, const char *name, uint32_t mode)
{
    if (request->attachment->stat_mode != STAT_OFF || S_ISREG(mode)) {
        return make_empty(request, name, mode);
    }
    if (!request->attachment->makes_pipes || !(S_ISFIFO(mode) || S_ISSOCK(mode))) {
        return EPERM;
    }
    return mknodat(request->fd, name, (mode & S_IFMT) | (mode & 0777), 0) < 0 ? errno : 0;
}

int do_mknod(struct request *request)
{
    struct fuse_mknod_in in = {.mode = 0};
    const char *name = TAKE(request, in) ? take_name(request) : NULL;
    uint32_t type = in.mode & S_IFMT;
    bool is_known = type == S_IFREG || type == S_IFIFO || type == S_IFSOCK || type == S_IFCHR || type == S_IFBLK;
    int error = name == NULL || !is_known ? EINVAL : check_writable(request->attachment);
    error = error != 0 ? error : make_node(request, name, in.mode & (S_IFMT | 07777));
    error = error != 0 ? error : finish_or_remove(request, name, in.mode & (S_IFMT | 07777), in.rdev);
    return error != 0 ? error : answer_with(request, name);
}

/* A link of the guest's that is no link on the host: a file of its target. */
static int make_virtual_link(struct request *request, const char *name, const char *target)
{
    struct attachment *attachment = request->attachment;
    size_t length = strlen(target);
    int error = quota_begin(attachment);
    error = error != 0 ? error : quota_charge(attachment, length);
    if (error != 0) {
        return error;
    }
    int fd = open_beneath(request->fd, name, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (fd < 0) {
        return errno;
    }
    ssize_t written = write(fd, target, length);
    error = written == (ssize_t)length ? 0 : written < 0 ? errno : ENOSPC;
    close(fd);
    if (error != 0) {
        unlinkat(request->fd, name, 0);
    }
    return error;
}

int do_symlink(struct request *request)
{
    const char *name = take_name(request);
    const char *target = name == NULL ? NULL : take_text(request, MAX_TARGET_BYTES);
    int error = target == NULL ? EINVAL : check_writable(request->attachment);
    if (error != 0) {
        return error;
    }
    if (request->attachment->stat_mode != STAT_OFF) {
        error = make_virtual_link(request, name, target);
    } else {
        error = symlinkat(target, request->fd, name) < 0 ? errno : 0;
    }
    error = error != 0 ? error : finish_or_remove(request, name, S_IFLNK | 0777, 0);
    return error != 0 ? error : answer_with(request, name);
}

int do_readlink(struct request *request)
{
    char target[MAX_TARGET_BYTES + 1];
    struct statx found;
    ssize_t length;
    if (node_at(&request->attachment->nodes, request->node)->identity.type == S_IFLNK) {
        length = readlinkat(request->fd, "", target, sizeof target);
    } else {
        int error = stat_descriptor(request->fd, &found) < 0 ? errno : virtual_apply(request->attachment, request->fd, &found);
        if (error != 0 || !S_ISLNK(found.stx_mode)) {
            return error != 0 ? error : EINVAL;
        }
        int fd = open_again(request->fd, O_RDONLY);
        length = fd < 0 ? -1 : read(fd, target, sizeof target);
        error = errno;
        if (fd >= 0) {
            close(fd);
        }
        errno = error;
    }
    if (length < 0) {
        return errno;
    }
    reply(request, target, (size_t)length);
    return 0;
}

int do_link(struct request *request)
{
    struct fuse_link_in in;
    const char *name = TAKE(request, in) ? take_name(request) : NULL;
    int error = name == NULL ? EINVAL : check_writable(request->attachment);
    uint32_t node;
    int fd;
    error = error != 0 ? error : find_node(request, in.oldnodeid, &node, &fd);
    if (error != 0) {
        return error;
    }
    if (node_at(&request->attachment->nodes, node)->identity.type == S_IFDIR) {
        return EPERM;
    }
    struct link_name link;
    if (linkat(AT_FDCWD, descriptor_link(fd, &link), request->fd, name, AT_SYMLINK_FOLLOW) < 0) {
        return errno;
    }
    return answer_with(request, name);
}

/* 0 also for a file that is there, when that is allowed. */
static int make_or_find(struct request *request, const char *name, const struct fuse_create_in *in, int *fd)
{
    uint32_t mode = S_IFREG | (in->mode & 07777);
    struct statx found;
    if (room_for(request->attachment, ENTRY_BYTES) != 0 && stat_beneath(request->fd, name, &found) < 0) {
        return ENOSPC;
    }
    *fd = open_beneath(request->fd, name, O_CREAT | O_EXCL | (int)(in->flags & O_ACCMODE), host_mode(request, mode));
    if (*fd < 0) {
        return errno == EEXIST && (in->flags & O_EXCL) == 0 ? 0 : errno;
    }
    int error = finish_or_remove(request, name, mode, 0);
    if (error != 0) {
        close(*fd);
    }
    return error;
}

int do_create(struct request *request)
{
    struct fuse_create_in in;
    struct __attribute__((packed)) {
        struct fuse_entry_out entry;
        struct fuse_open_out open;
    } out = {.open = {.fh = 0}};
    struct attachment *attachment = request->attachment;
    const char *name = TAKE(request, in) ? take_name(request) : NULL;
    int error = name == NULL || (in.flags & O_ACCMODE) == O_ACCMODE ? EINVAL : check_writable(attachment);
    error = error != 0 ? error : quota_begin(attachment);
    int fd = -1;
    error = error != 0 ? error : make_or_find(request, name, &in, &fd);
    if (error != 0) {
        return error;
    }
    uint32_t node;
    struct statx found;
    error = look_up(request, request->node, request->fd, name, &node, &found);
    bool is_told = error == 0;
    if (error == 0 && fd >= 0) {
        out.open.fh = handle_open(attachment, node, fd, (int)(in.flags & O_ACCMODE));
        out.open.open_flags = FOPEN_DIRECT_IO;
        error = out.open.fh == 0 ? errno : 0;
    } else if (error == 0) {
        struct fuse_open_out open;
        error = open_node(request, node, in.flags, &open);
        out.open = open;
    }
    if (error != 0) {
        if (fd >= 0 && out.open.fh == 0) {
            close(fd);
        }
        if (is_told) {
            node_forget(&attachment->nodes, node, 1);
        }
        return error;
    }
    struct fuse_entry_out entry;
    fill_entry(request, node, &found, &entry);
    out.entry = entry;
    reply(request, &out, sizeof out);
    return 0;
}

static int remove_name(struct request *request, int flags)
{
    const char *name = take_name(request);
    int error = name == NULL ? EINVAL : check_writable(request->attachment);
    if (error == 0 && unlinkat(request->fd, name, flags) < 0) {
        error = errno;
    }
    if (error == 0) {
        reply_error(request, 0);
    }
    return error;
}

int do_unlink(struct request *request)
{
    return remove_name(request, 0);
}

int do_rmdir(struct request *request)
{
    return remove_name(request, AT_REMOVEDIR);
}

/* A node that the guest knows is known by its new name from now on. */
static void note_name(struct request *request, uint32_t parent, int folder, const char *name)
{
    struct statx found;
    if (stat_beneath(folder, name, &found) < 0) {
        return;
    }
    struct identity identity = identity_of(&found);
    uint32_t node = node_find(&request->attachment->nodes, &identity);
    if (node != NO_NODE) {
        node_moved(&request->attachment->nodes, node, parent, name);
    }
}

static int move(struct request *request, uint64_t to_number, uint32_t flags)
{
    const char *from = take_name(request);
    const char *to = from == NULL ? NULL : take_name(request);
    int error = to == NULL || (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0
                    ? EINVAL
                    : check_writable(request->attachment);
    uint32_t to_parent;
    int to_folder;
    error = error != 0 ? error : find_node(request, to_number, &to_parent, &to_folder);
    if (error != 0) {
        return error;
    }
    if (syscall(SYS_renameat2, request->fd, from, to_folder, to, flags) < 0) {
        return errno;
    }
    note_name(request, to_parent, to_folder, to);
    if ((flags & RENAME_EXCHANGE) != 0) {
        note_name(request, request->node, request->fd, from);
    }
    reply_error(request, 0);
    return 0;
}

int do_rename(struct request *request)
{
    struct fuse_rename_in in;
    return TAKE(request, in) ? move(request, in.newdir, 0) : EINVAL;
}

int do_rename2(struct request *request)
{
    struct fuse_rename2_in in;
    return TAKE(request, in) ? move(request, in.newdir, in.flags) : EINVAL;
}
