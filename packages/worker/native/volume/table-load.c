/* Reads a table. It may come from anywhere: what leads out of it, or in a circle, is refused before anything is changed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "table.h"

struct reader {
    const uint8_t *next;
    size_t left;
    bool broken;
};

static void get(struct reader *reader, void *value, size_t length)
{
    if (reader->broken || reader->left < length) {
        reader->broken = true;
        memset(value, 0, length);
        return;
    }
    memcpy(value, reader->next, length);
    reader->next += length;
    reader->left -= length;
}

#define GET(reader, value) get(reader, &(value), sizeof(value))

static bool is_mark(struct reader *reader, const char *mark)
{
    char found[TABLE_MARK_BYTES];
    GET(reader, found);
    return !reader->broken && memcmp(found, mark, sizeof found) == 0;
}

static bool is_name(const char *name)
{
    return name[0] != 0 && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool get_node(struct reader *reader, struct nodes *nodes)
{
    struct table_node in;
    char name[MAX_NAME_BYTES + 1];
    GET(reader, in);
    get(reader, name, in.name_length);
    name[in.name_length] = 0;
    if (reader->broken || in.generation == 0 || strlen(name) != in.name_length || !is_name(name)) {
        return false;
    }
    const struct node node = {
        .generation = in.generation,
        .parent = in.parent,
        .name = strdup(name),
        .fd = -1,
        .stale = in.is_stale != 0,
        .identity = {in.inode, in.born_seconds, in.born_nanoseconds, in.type & S_IFMT},
        .lookups = in.lookups,
    };
    bool placed = node.name != NULL && node_restore(nodes, in.index, &node);
    if (!placed) {
        free(node.name);
    }
    return placed;
}

static bool is_node(const struct nodes *nodes, uint32_t index)
{
    return index == ROOT_NODE || (index > ROOT_NODE && index < nodes->size && nodes->all[index].generation != 0);
}

static bool get_handle(struct reader *reader, struct attachment *attachment, bool reclaims)
{
    struct table_handle in;
    GET(reader, in);
    if (reader->broken || in.generation == 0 || !is_node(&attachment->nodes, in.node)) {
        return false;
    }
    bool is_folder = (in.bits & HANDLE_IS_FOLDER) != 0;
    const struct handle handle = {
        .generation = in.generation,
        .node = in.node,
        .fd = -1,
        .flags = is_folder ? O_RDONLY | O_DIRECTORY : (int)(in.flags & (O_ACCMODE | O_SYNC | O_DSYNC)),
        .is_folder = is_folder,
        .lost = (in.bits & HANDLE_IS_LOST) != 0 || ((in.bits & HANDLE_HAS_LOCK) != 0 && !reclaims),
    };
    return handle_restore(attachment, in.index, &handle);
}

/* Without a descriptor yet: table_take_locks. */
static bool get_lock(struct reader *reader, struct attachment *attachment, bool reclaims)
{
    struct table_lock in;
    GET(reader, in);
    if (reader->broken || !is_node(&attachment->nodes, in.node) || in.ranges > MAX_RANGES || attachment->lock_count >= MAX_LOCKS) {
        return false;
    }
    if (in.ranges == 0) {
        return lock_lose(attachment, in.node, in.owner);
    }
    struct lock *lock = calloc(1, sizeof *lock);
    struct range *ranges = calloc(in.ranges, sizeof *ranges);
    for (uint32_t i = 0; i < in.ranges; i++) {
        struct table_range range;
        GET(reader, range);
        if (ranges != NULL) {
            ranges[i] = (struct range){range.start, range.end, range.type};
        }
    }
    if (lock == NULL || ranges == NULL || reader->broken || !reclaims) {
        bool sound = lock != NULL && ranges != NULL && !reader->broken;
        free(lock);
        free(ranges);
        /* Of flock(2) the owner is the open file, which is lost itself. */
        return sound && (in.is_whole != 0 || lock_lose(attachment, in.node, in.owner));
    }
    struct node *node = node_at(&attachment->nodes, in.node);
    *lock = (struct lock){.next = node->locks, .owner = in.owner, .handle = in.handle, .process = in.process,
                          .is_whole = in.is_whole != 0, .fd = -1, .ranges = ranges, .count = in.ranges};
    node->locks = lock;
    attachment->lock_count++;
    node_hold(&attachment->nodes, in.node);
    return true;
}

static bool get_contents(struct reader *reader, struct attachment *attachment, const struct table_attachment *in, bool reclaims)
{
    bool sound = true;
    for (uint32_t i = 0; sound && i < in->nodes; i++) {
        sound = get_node(reader, &attachment->nodes);
    }
    sound = sound && nodes_restored(&attachment->nodes);
    for (uint32_t i = 0; sound && i < in->handles; i++) {
        sound = get_handle(reader, attachment, reclaims);
    }
    handles_restored(&attachment->handles);
    for (uint32_t i = 0; sound && i < in->locks; i++) {
        sound = get_lock(reader, attachment, reclaims);
    }
    attachment->nodes.next_generation = in->node_generation;
    attachment->handles.next_generation = in->handle_generation;
    return sound;
}

static bool get_attachment(struct reader *reader, struct server *from, bool reclaims)
{
    struct table_attachment in;
    char tag[MAX_TAG_BYTES + 1];
    GET(reader, in);
    if (in.tag_length > MAX_TAG_BYTES) {
        return false;
    }
    get(reader, tag, in.tag_length);
    tag[in.tag_length] = 0;
    bool is_new = in.channel != 0 && server_tagged(from, tag) == NULL && server_attachment(from, in.channel) == NULL;
    struct attachment *attachment = reader->broken || !is_new ? NULL : server_add(from, tag);
    if (attachment == NULL) {
        return false;
    }
    attachment->channel = in.channel;
    attachment->minor = in.minor;
    return get_contents(reader, attachment, &in, reclaims);
}

static bool get_waiting(struct reader *reader, struct waiting *waiting)
{
    uint32_t count;
    GET(reader, count);
    if (count > MAX_WAITING) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct table_waiter in;
        GET(reader, in);
        if (in.unique == 0) {
            return false;
        }
        waiting->all[i] = (struct waiter){
            .unique = in.unique,
            .channel = in.channel,
            .node_number = in.node_number,
            .lock = {in.owner, in.handle, in.process, in.is_whole != 0, {in.range.start, in.range.end, in.range.type}},
        };
    }
    waiting->count = count;
    return !reader->broken;
}

static bool get_answers(struct reader *reader, struct port *port)
{
    uint32_t count;
    GET(reader, count);
    uint64_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct table_answer in;
        GET(reader, in);
        bool is_kind = in.kind == WIRE_FUSE || in.kind == WIRE_OPENED;
        if (reader->broken || !is_kind || in.length > reader->left || in.length > MAX_MESSAGE_BYTES || in.number <= last ||
            in.number > port->sent) {
            return false;
        }
        if (!port_keep(port, in.number, in.channel, in.kind, in.is_read != 0, reader->next, in.length)) {
            return false;
        }
        last = in.number;
        reader->next += in.length;
        reader->left -= in.length;
    }
    return !reader->broken;
}

static bool get_all(struct reader *reader, struct server *from, bool reclaims)
{
    uint32_t count = 0;
    bool sound = is_mark(reader, TABLE_BEGIN);
    GET(reader, from->port.done);
    GET(reader, from->port.sent);
    GET(reader, count);
    sound = sound && count <= MAX_ATTACHMENTS;
    for (uint32_t i = 0; sound && i < count; i++) {
        sound = get_attachment(reader, from, reclaims);
    }
    sound = sound && get_waiting(reader, &from->waiting) && get_answers(reader, &from->port);
    return sound && is_mark(reader, TABLE_END) && reader->left == 0;
}

/* Nothing is attached yet. */
static void merge(struct server *server, struct attachment *from)
{
    struct attachment *into = server->attachments;
    while (into->is_used) {
        into++;
    }
    *into = *from;
    *from = (struct attachment){.is_used = false, .account_fd = -1};
}

static void take_over(struct server *server, struct server *from)
{
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        if (from->attachments[i].is_used) {
            merge(server, &from->attachments[i]);
        }
    }
    server->waiting = from->waiting;
    server->port.done = from->port.done;
    server->port.sent = from->port.sent;
    server->port.first_kept = from->port.first_kept;
    server->port.last_kept = from->port.last_kept;
    server->port.kept_count = from->port.kept_count;
    server->port.kept_bytes = from->port.kept_bytes;
    from->port.first_kept = from->port.last_kept = NULL;
    from->port.kept_count = from->port.kept_bytes = 0;
    server->has_table = true;
}

int table_load(struct server *server, const uint8_t *bytes, size_t length, bool reclaims)
{
    struct reader reader = {.next = bytes, .left = length};
    if (server->may_greet || server->has_table) {
        return EBUSY;
    }
    struct server *from = malloc(sizeof *from);
    if (from == NULL || !server_init(from, -1, server->node_limit)) {
        free(from);
        return ENOMEM;
    }
    int error = get_all(&reader, from, reclaims) ? 0 : EINVAL;
    if (error == 0) {
        take_over(server, from);
    }
    server_free(from);
    free(from);
    return error;
}

void table_take_locks(struct attachment *attachment)
{
    for (uint32_t index = ROOT_NODE; index < attachment->nodes.size; index++) {
        struct lock *next;
        for (struct lock *lock = node_at(&attachment->nodes, index)->locks; lock != NULL; lock = next) {
            next = lock->next;
            uint64_t number = lock->handle;
            uint64_t owner = lock->owner;
            bool is_whole = lock->is_whole;
            /* The lock may be all that keeps the node. */
            node_hold(&attachment->nodes, index);
            bool is_taken = lock->fd >= 0 || lock_take_again(attachment, index, lock) == 0;
            if (!is_taken && !is_whole) {
                lock_lose(attachment, index, owner);
            }
            node_release(&attachment->nodes, index);
            if (is_taken) {
                continue;
            }
            bool is_folder = node_at(&attachment->nodes, index)->identity.type == S_IFDIR;
            struct handle *handle = handle_find(attachment, number, index, is_folder);
            if (handle != NULL) {
                handle->lost = true;
            }
        }
    }
}
