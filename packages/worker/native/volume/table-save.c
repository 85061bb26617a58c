/* Writes a table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "table.h"

void table_put(struct writer *writer, const void *bytes, size_t length)
{
    if (writer->size - writer->length < length && !writer->failed) {
        size_t size = writer->size * 2 + length + 4096;
        uint8_t *grown = size > MAX_TABLE_BYTES ? NULL : realloc(writer->bytes, size);
        writer->failed = grown == NULL;
        writer->bytes = writer->failed ? writer->bytes : grown;
        writer->size = writer->failed ? writer->size : size;
    }
    if (!writer->failed && length > 0) {
        memcpy(writer->bytes + writer->length, bytes, length);
        writer->length += length;
    }
}

#define PUT(writer, value) table_put(writer, &(value), sizeof(value))

void table_put_node(struct writer *writer, const struct nodes *nodes, uint32_t index)
{
    const struct node *node = &nodes->all[index];
    const struct table_node out = {
        .index = index,
        .generation = node->generation,
        .parent = node->parent,
        .is_stale = node->stale,
        .lookups = node->lookups,
        .inode = node->identity.inode,
        .born_seconds = node->identity.born_seconds,
        .born_nanoseconds = node->identity.born_nanoseconds,
        .type = node->identity.type,
        .name_length = (uint8_t)strlen(node->name),
    };
    PUT(writer, out);
    table_put(writer, node->name, out.name_length);
}

static void put_nodes(struct writer *writer, const struct nodes *nodes)
{
    for (uint32_t index = ROOT_NODE + 1; index < nodes->size; index++) {
        if (nodes->all[index].generation != 0) {
            table_put_node(writer, nodes, index);
        }
    }
}

/* By no name it can be found any more. */
static bool has_no_name(const struct handle *handle)
{
    struct stat found;
    return handle->fd >= 0 && fstat(handle->fd, &found) == 0 && found.st_nlink == 0;
}

void table_put_handle(struct writer *writer, const struct attachment *attachment, uint32_t index)
{
    const struct handle *handle = &attachment->handles.all[index];
    bool has_lock = lock_is_held(attachment, handle->node, handle_number(&attachment->handles, handle));
    const struct table_handle out = {
        .index = index,
        .generation = handle->generation,
        .node = handle->node,
        .flags = (uint32_t)handle->flags,
        .bits = (uint8_t)((handle->is_folder ? HANDLE_IS_FOLDER : 0) |
                          (handle->lost || has_no_name(handle) ? HANDLE_IS_LOST : 0) | (has_lock ? HANDLE_HAS_LOCK : 0)),
    };
    PUT(writer, out);
}

static void put_handles(struct writer *writer, const struct attachment *attachment)
{
    for (uint32_t index = 1; index < attachment->handles.size; index++) {
        if (attachment->handles.all[index].generation != 0) {
            table_put_handle(writer, attachment, index);
        }
    }
}

uint32_t table_put_locks(struct writer *writer, const struct nodes *nodes, uint32_t index)
{
    uint32_t count = 0;
    for (const struct lock *lock = nodes->all[index].locks; lock != NULL; lock = lock->next) {
        const struct table_lock out = {lock->owner, lock->handle, lock->process, index, lock->is_whole, (uint32_t)lock->count};
        PUT(writer, out);
        for (size_t i = 0; i < lock->count; i++) {
            const struct table_range range = {lock->ranges[i].start, lock->ranges[i].end, lock->ranges[i].type};
            PUT(writer, range);
        }
        count++;
    }
    for (const struct lost_owner *lost = nodes->all[index].lost; lost != NULL; lost = lost->next) {
        const struct table_lock out = {.owner = lost->owner, .node = index};
        PUT(writer, out);
        count++;
    }
    return count;
}

static void put_locks(struct writer *writer, const struct nodes *nodes)
{
    for (uint32_t index = ROOT_NODE; index < nodes->size; index++) {
        table_put_locks(writer, nodes, index);
    }
}

static void put_attachment(struct writer *writer, const struct attachment *attachment)
{
    const struct table_attachment out = {
        .tag_length = (uint8_t)strlen(attachment->tag),
        .channel = attachment->channel,
        .minor = attachment->minor,
        .node_generation = attachment->nodes.next_generation,
        .handle_generation = attachment->handles.next_generation,
        .nodes = attachment->nodes.count,
        .handles = attachment->handles.count,
        .locks = attachment->lock_count + attachment->lost_count,
    };
    PUT(writer, out);
    table_put(writer, attachment->tag, out.tag_length);
    put_nodes(writer, &attachment->nodes);
    put_handles(writer, attachment);
    put_locks(writer, &attachment->nodes);
}

static void put_attachments(struct writer *writer, const struct server *server)
{
    uint32_t count = 0;
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        count += server->attachments[i].is_used && server->attachments[i].channel != 0;
    }
    PUT(writer, count);
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        if (server->attachments[i].is_used && server->attachments[i].channel != 0) {
            put_attachment(writer, &server->attachments[i]);
        }
    }
}

void table_put_waiting(struct writer *writer, const struct waiting *waiting)
{
    uint32_t count = (uint32_t)waiting->count;
    PUT(writer, count);
    for (size_t i = 0; i < MAX_WAITING; i++) {
        const struct waiter *waiter = &waiting->all[i];
        const struct lock_request *lock = &waiter->lock;
        const struct table_waiter out = {waiter->unique, waiter->channel, waiter->node_number, lock->owner,
                                         lock->handle,   lock->process,   lock->is_whole,
                                         {lock->range.start, lock->range.end, lock->range.type}};
        if (waiter->unique != 0) {
            PUT(writer, out);
        }
    }
}

void table_put_answer(struct writer *writer, const struct kept *kept)
{
    const struct table_answer out = {kept->number, kept->channel, kept->kind, kept->is_read, kept->length};
    PUT(writer, out);
    table_put(writer, kept->bytes, kept->length);
}

static void put_answers(struct writer *writer, const struct port *port)
{
    uint32_t count = (uint32_t)port->kept_count;
    PUT(writer, count);
    for (const struct kept *kept = port->first_kept; kept != NULL; kept = kept->next) {
        table_put_answer(writer, kept);
    }
}

int table_save(struct server *server, uint8_t **bytes, size_t *length)
{
    struct writer writer = {.bytes = NULL};
    table_put(&writer, TABLE_BEGIN, TABLE_MARK_BYTES);
    PUT(&writer, server->port.done);
    PUT(&writer, server->port.sent);
    put_attachments(&writer, server);
    table_put_waiting(&writer, &server->waiting);
    put_answers(&writer, &server->port);
    table_put(&writer, TABLE_END, TABLE_MARK_BYTES);
    if (writer.failed) {
        free(writer.bytes);
        return EFBIG;
    }
    *bytes = writer.bytes;
    *length = writer.length;
    return 0;
}
