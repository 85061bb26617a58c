#include "request.h"

#include <errno.h>
#include <string.h>

#include "limits.h"
#include "port.h"

bool take_bytes(struct request *request, void *value, size_t bytes)
{
    if (request->left < bytes) {
        return false;
    }
    memcpy(value, request->next, bytes);
    request->next += bytes;
    request->left -= bytes;
    return true;
}

const char *take_text(struct request *request, size_t limit)
{
    const char *text = (const char *)request->next;
    const uint8_t *end = memchr(request->next, 0, request->left);
    if (end == NULL || (size_t)(end - request->next) > limit) {
        return NULL;
    }
    request->left -= (size_t)(end - request->next) + 1;
    request->next = end + 1;
    return text;
}

const char *take_name(struct request *request)
{
    const char *name = take_text(request, request->left);
    if (name != NULL && strlen(name) > MAX_NAME_BYTES) {
        request->has_long_name = true;
        return NULL;
    }
    if (name == NULL || name[0] == 0 || strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return NULL;
    }
    return name;
}

void reply_error(struct request *request, int error)
{
    struct fuse_out_header header = {.len = sizeof header, .error = -error, .unique = request->in.unique};
    if (error != 0) {
        request->attachment->counters.errors++;
    }
    port_answer(request->server, request->attachment->channel, &header, NULL);
}

void reply(struct request *request, const void *bytes, size_t length)
{
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + length), .unique = request->in.unique};
    port_answer(request->server, request->attachment->channel, &header, bytes);
}

/* How long the guest may believe it: never where others write, too. */
static uint32_t valid_nanoseconds(const struct request *request)
{
    return request->attachment->is_shared ? 0 : KEPT_MS * 1000000u;
}

static struct fuse_attr attributes(const struct statx *found)
{
    return (struct fuse_attr){
        .ino = found->stx_ino,
        .size = found->stx_size,
        .blocks = found->stx_blocks,
        .atime = (uint64_t)found->stx_atime.tv_sec,
        .mtime = (uint64_t)found->stx_mtime.tv_sec,
        .ctime = (uint64_t)found->stx_ctime.tv_sec,
        .atimensec = found->stx_atime.tv_nsec,
        .mtimensec = found->stx_mtime.tv_nsec,
        .ctimensec = found->stx_ctime.tv_nsec,
        .mode = found->stx_mode,
        .nlink = found->stx_nlink,
        .uid = found->stx_uid,
        .gid = found->stx_gid,
        /* As the kernel packs a device number into 32 bits. */
        .rdev = (found->stx_rdev_minor & 0xFF) | found->stx_rdev_major << 8 | (found->stx_rdev_minor & ~0xFFu) << 12,
        .blksize = found->stx_blksize,
    };
}

void fill_entry(const struct request *request, uint32_t node, const struct statx *found, struct fuse_entry_out *entry)
{
    *entry = (struct fuse_entry_out){
        .nodeid = node_number(&request->attachment->nodes, node),
        .entry_valid_nsec = valid_nanoseconds(request),
        .attr_valid_nsec = valid_nanoseconds(request),
        .attr = attributes(found),
    };
}

void reply_found(struct request *request, uint32_t node, const struct statx *found)
{
    struct fuse_entry_out entry;
    fill_entry(request, node, found, &entry);
    reply(request, &entry, sizeof entry);
}

void reply_attributes(struct request *request, const struct statx *found)
{
    struct fuse_attr_out out = {.attr_valid_nsec = valid_nanoseconds(request), .attr = attributes(found)};
    reply(request, &out, sizeof out);
}

int find_node(struct request *request, uint64_t number, uint32_t *node, int *fd)
{
    struct nodes *nodes = &request->attachment->nodes;
    *node = node_index(nodes, number);
    if (*node == NO_NODE) {
        return ESTALE;
    }
    *fd = node_descriptor(nodes, *node);
    return *fd < 0 ? errno : 0;
}

int check_writable(const struct attachment *attachment)
{
    return attachment->readonly ? EROFS : 0;
}
