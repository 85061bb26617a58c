/* An attachment without its folder. */
#include "parked.h"

#include <errno.h>
#include <unistd.h>

#include "server.h"

/* A name that cannot be looked up just now says nothing. */
static bool is_lost(const struct attachment *attachment, const struct handle *handle)
{
    return handle->generation != 0 && handle->fd >= 0 && !handle->lost && node_find_anew(&attachment->nodes, handle->node) == ESTALE;
}

uint32_t parked_would_lose(const struct attachment *attachment)
{
    uint32_t count = 0;
    for (uint32_t index = 1; index < attachment->handles.size; index++) {
        count += is_lost(attachment, &attachment->handles.all[index]);
    }
    return count;
}

static void close_locks(struct node *node)
{
    for (struct lock *lock = node->locks; lock != NULL; lock = lock->next) {
        if (lock->fd >= 0) {
            close(lock->fd);
        }
        lock->fd = -1;
    }
}

void attachment_park(struct attachment *attachment)
{
    for (uint32_t index = 1; index < attachment->handles.size; index++) {
        struct handle *handle = &attachment->handles.all[index];
        if (handle->generation != 0 && handle->fd >= 0) {
            close(handle->fd);
            handle->fd = -1;
        }
    }
    for (uint32_t index = ROOT_NODE; index < attachment->nodes.size; index++) {
        close_locks(node_at(&attachment->nodes, index));
    }
    nodes_close_descriptors(&attachment->nodes);
    attachment->has_root = false;
    attachment->is_parked = true;
}

void attachment_unpark(struct attachment *attachment)
{
    attachment->is_parked = false;
    for (uint32_t index = 1; index < attachment->handles.size; index++) {
        struct handle *handle = &attachment->handles.all[index];
        if (handle->generation != 0 && !handle->lost) {
            handle_descriptor(attachment, handle);
        }
    }
}

bool server_has_parked(const struct server *server)
{
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        if (server->attachments[i].is_used && server->attachments[i].is_parked) {
            return true;
        }
    }
    return false;
}
