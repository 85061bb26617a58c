/* Names: found, made, moved, removed and listed. */
#include "request.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LINK_MODE = 0777 };

int do_lookup(const struct request *request)
{
    const struct entry *entry = names_find(request->inode, request->body);
    return entry == NULL ? ENOENT : reply_entry(request, entry->inode);
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

int do_mknod(const struct request *request)
{
    const struct fuse_mknod_in *in = (const void *)request->body;
    return add(request, request->body + sizeof *in, in->mode, in->rdev, NULL);
}

int do_mkdir(const struct request *request)
{
    const struct fuse_mkdir_in *in = (const void *)request->body;
    return add(request, request->body + sizeof *in, S_IFDIR | (in->mode & 07777), 0, NULL);
}

int do_symlink(const struct request *request)
{
    return add(request, request->body, S_IFLNK | LINK_MODE, 0, request->body + strlen(request->body) + 1);
}

int do_readlink(const struct request *request)
{
    if (request->inode->target == NULL) {
        return EINVAL;
    }
    reply(request, 0, request->inode->target, strlen(request->inode->target));
    return 0;
}

int do_link(const struct request *request)
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

int remove_name(const struct request *request, bool is_folder)
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

int move(const struct request *request, uint64_t to, uint32_t flags, const char *name)
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

int do_readdir(const struct request *request)
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
