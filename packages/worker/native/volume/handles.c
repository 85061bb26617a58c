#include "handles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attachment.h"
#include "limits.h"

enum { FIRST_HANDLES = 32 };

uint64_t handle_number(const struct handles *handles, const struct handle *handle)
{
    return (uint64_t)handle->generation << 32 | (uint32_t)(handle - handles->all);
}

static bool grow(struct handles *handles, uint32_t least)
{
    uint32_t size = handles->size == 0 ? FIRST_HANDLES : handles->size * 2;
    size = size < least ? least : size;
    size = size > MAX_HANDLES ? MAX_HANDLES : size;
    struct handle *grown = size <= handles->size || size < least ? NULL : realloc(handles->all, size * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    memset(grown + handles->size, 0, (size - handles->size) * sizeof *grown);
    handles->all = grown;
    for (uint32_t index = size; index-- > (handles->size == 0 ? 1 : handles->size);) {
        grown[index] = (struct handle){.fd = -1, .next_free = handles->free};
        handles->free = index;
    }
    handles->size = size;
    return true;
}

uint64_t handle_open(struct attachment *attachment, uint32_t node, int fd, int flags)
{
    struct handles *handles = &attachment->handles;
    if (handles->free == 0 && !grow(handles, handles->size + 1)) {
        errno = ENFILE;
        return 0;
    }
    struct handle *handle = &handles->all[handles->free];
    handles->free = handle->next_free;
    handles->next_generation = handles->next_generation == UINT32_MAX ? 1 : handles->next_generation + 1;
    *handle = (struct handle){
        .generation = handles->next_generation,
        .node = node,
        .fd = fd,
        .flags = flags,
        .is_folder = node_at(&attachment->nodes, node)->identity.type == S_IFDIR,
    };
    handles->count++;
    changed(&handles->changes, (uint32_t)(handle - handles->all));
    node_hold(&attachment->nodes, node);
    return handle_number(handles, handle);
}

struct handle *handle_find(struct attachment *attachment, uint64_t number, uint32_t node, bool is_folder)
{
    uint32_t index = (uint32_t)number;
    struct handles *handles = &attachment->handles;
    if (index == 0 || index >= handles->size || handles->all[index].generation == 0 ||
        handles->all[index].generation != number >> 32 || handles->all[index].node != node ||
        handles->all[index].is_folder != is_folder) {
        errno = EBADF;
        return NULL;
    }
    return &handles->all[index];
}

int handle_descriptor(struct attachment *attachment, struct handle *handle)
{
    if (handle->lost) {
        errno = EIO;
        return -1;
    }
    if (handle->fd >= 0) {
        return handle->fd;
    }
    int fd = node_descriptor(&attachment->nodes, handle->node);
    if (fd < 0) {
        return -1;
    }
    /* What was open for writing in its source reads on in a copy that only reads. */
    handle->fd = open_again(fd, attachment->readonly ? handle->flags & ~O_ACCMODE : handle->flags);
    handle->position = 0;
    return handle->fd;
}

void handle_close(struct attachment *attachment, struct handle *handle)
{
    struct handles *handles = &attachment->handles;
    uint32_t node = handle->node;
    if (handle->fd >= 0) {
        close(handle->fd);
    }
    *handle = (struct handle){.fd = -1, .next_free = handles->free};
    handles->free = (uint32_t)(handle - handles->all);
    changed(&handles->changes, handles->free);
    handles->count--;
    node_release(&attachment->nodes, node);
}

void handles_close_all(struct attachment *attachment)
{
    struct handles *handles = &attachment->handles;
    for (uint32_t index = 1; index < handles->size; index++) {
        if (handles->all[index].generation != 0) {
            handle_close(attachment, &handles->all[index]);
        }
    }
    free(handles->all);
    free(handles->changes.all);
    *handles = (struct handles){.all = NULL, .next_generation = handles->next_generation};
}

bool handle_restore(struct attachment *attachment, uint32_t index, const struct handle *from)
{
    struct handles *handles = &attachment->handles;
    if (index == 0 || index >= MAX_HANDLES || (index >= handles->size && !grow(handles, index + 1)) ||
        handles->all[index].generation != 0) {
        return false;
    }
    handles->all[index] = *from;
    handles->count++;
    node_hold(&attachment->nodes, from->node);
    return true;
}

void handles_restored(struct handles *handles)
{
    handles->free = 0;
    for (uint32_t index = handles->size; index-- > 1;) {
        if (handles->all[index].generation == 0) {
            handles->all[index].next_free = handles->free;
            handles->free = index;
        }
    }
}
