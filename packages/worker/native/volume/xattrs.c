/* Operations on extended attributes: those of users. What of other kinds has a meaning to the host's kernel is neither shown nor set. */
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "limits.h"
#include "operations.h"
#include "quota.h"
#include "virtual.h"

static int check_name(const char *name)
{
    if (name == NULL || name[0] == 0) {
        return EINVAL;
    }
    bool is_users = strncmp(name, "user.", 5) == 0 && name[5] != 0;
    return !is_users ? EOPNOTSUPP : strncmp(name, VIRTUAL_PREFIX, strlen(VIRTUAL_PREFIX)) == 0 ? EPERM : 0;
}

/* The host follows a link by its descriptor no further, but has no such attributes of it. */
static const char *path_of(const struct request *request, struct link_name *link)
{
    return descriptor_link(request->fd, link);
}

int do_setxattr(struct request *request)
{
    /* As kernels send it that were not told of more. */
    struct {
        uint32_t size;
        uint32_t flags;
    } in;
    struct link_name link;
    const char *name = TAKE(request, in) ? take_text(request, MAX_NAME_BYTES) : NULL;
    int error = name == NULL || in.size > request->left || in.size > MAX_XATTR_BYTES ? EINVAL : check_name(name);
    error = error != 0 ? error : check_writable(request->attachment);
    if (error == 0 && setxattr(path_of(request, &link), name, request->next, in.size, (int)in.flags) < 0) {
        error = errno;
    }
    if (error == 0) {
        reply_error(request, 0);
    }
    return error;
}

/* A guest that asks with no room is told how much there is. */
static int answer_sized(struct request *request, const void *bytes, ssize_t length, uint32_t room)
{
    if (length < 0) {
        return errno;
    }
    if (room == 0) {
        struct fuse_getxattr_out out = {.size = (uint32_t)length};
        reply(request, &out, sizeof out);
        return 0;
    }
    if ((size_t)length > room) {
        return ERANGE;
    }
    reply(request, bytes, (size_t)length);
    return 0;
}

int do_getxattr(struct request *request)
{
    struct fuse_getxattr_in in;
    struct link_name link;
    static uint8_t value[MAX_XATTR_BYTES];
    const char *name = TAKE(request, in) ? take_text(request, MAX_NAME_BYTES) : NULL;
    int error = check_name(name);
    if (error != 0) {
        return error == EPERM ? ENODATA : error;
    }
    ssize_t length = getxattr(path_of(request, &link), name, value, sizeof value);
    return answer_sized(request, value, length, in.size);
}

int do_listxattr(struct request *request)
{
    struct fuse_getxattr_in in;
    struct link_name link;
    static char names[MAX_XATTR_BYTES];
    if (!TAKE(request, in)) {
        return EINVAL;
    }
    ssize_t length = listxattr(path_of(request, &link), names, sizeof names);
    size_t kept = 0;
    for (ssize_t at = 0; at < length;) {
        size_t bytes = strlen(names + at) + 1;
        if (check_name(names + at) == 0) {
            memmove(names + kept, names + at, bytes);
            kept += bytes;
        }
        at += (ssize_t)bytes;
    }
    return answer_sized(request, names, length < 0 ? length : (ssize_t)kept, in.size);
}

int do_removexattr(struct request *request)
{
    struct link_name link;
    const char *name = take_text(request, MAX_NAME_BYTES);
    int error = check_name(name);
    error = error != 0 ? error : check_writable(request->attachment);
    if (error == 0 && removexattr(path_of(request, &link), name) < 0) {
        error = errno;
    }
    if (error == 0) {
        reply_error(request, 0);
    }
    return error;
}
