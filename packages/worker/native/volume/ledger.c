#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "server.h"

enum {
    /* It is written anew when it has grown by so much, and to twice what it was. */
    LEAST_GROWTH_BYTES = 8 * 1024 * 1024,
};

#define PUT(writer, value) table_put(writer, &(value), sizeof(value))

void ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){.fds = {-1, -1}};
}

void ledger_open(struct ledger *ledger, const int fds[LEDGER_FILES])
{
    ledger_init(ledger);
    memcpy(ledger->fds, fds, sizeof ledger->fds);
    ledger->is_due = true;
}

void ledger_close(struct ledger *ledger)
{
    for (size_t i = 0; i < LEDGER_FILES; i++) {
        if (ledger->fds[i] >= 0) {
            close(ledger->fds[i]);
        }
    }
    free(ledger->entry.bytes);
    ledger_init(ledger);
}

void ledger_clear(struct ledger *ledger)
{
    for (size_t i = 0; i < LEDGER_FILES && ledger->fds[i] >= 0; i++) {
        if (ftruncate(ledger->fds[i], 0) < 0) {
            return;
        }
    }
    ledger->is_due = true;
}

/* FNV-1a: it finds what was cut, and not what somebody forged. */
uint32_t ledger_sum(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 0x811C9DC5u;
    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ bytes[i]) * 0x01000193u;
    }
    return sum;
}

/* Whoever follows then begins anew, as without a ledger. */
static void do_without(struct ledger *ledger)
{
    ledger_clear(ledger);
    ledger_close(ledger);
}

static size_t begin_item(struct writer *writer, uint8_t kind, uint16_t channel)
{
    const struct ledger_item_header header = {.kind = kind, .channel = channel};
    PUT(writer, header);
    return writer->length;
}

static void end_item(struct writer *writer, size_t start)
{
    uint32_t length = (uint32_t)(writer->length - start);
    if (!writer->failed) {
        memcpy(writer->bytes + start - sizeof length, &length, sizeof length);
    }
}

static void begin_entry(struct writer *writer)
{
    const struct ledger_entry header = {0, 0};
    writer->length = 0;
    PUT(writer, header);
}

/* True when all of it is in the file. */
static bool write_entry(struct ledger *ledger, int fd, uint64_t at)
{
    struct writer *writer = &ledger->entry;
    if (writer->failed) {
        return false;
    }
    struct ledger_entry header = {.length = (uint32_t)(writer->length - sizeof header)};
    header.sum = ledger_sum(writer->bytes + sizeof header, header.length);
    memcpy(writer->bytes, &header, sizeof header);
    return pwrite(fd, writer->bytes, writer->length, (off_t)at) == (ssize_t)writer->length;
}

static void put_place(struct writer *writer, uint8_t kind, uint16_t channel, uint32_t place)
{
    size_t start = begin_item(writer, kind, channel);
    PUT(writer, place);
    end_item(writer, start);
}

static void put_locks(struct writer *writer, struct attachment *attachment, uint32_t index)
{
    struct node *node = node_at(&attachment->nodes, index);
    bool has_locks = node->locks != NULL || node->lost != NULL;
    if (!has_locks && !node->has_told_locks) {
        return;
    }
    node->has_told_locks = has_locks;
    uint32_t count = 0;
    size_t start = begin_item(writer, LEDGER_LOCKS, attachment->channel);
    PUT(writer, index);
    PUT(writer, count);
    count = table_put_locks(writer, &attachment->nodes, index);
    if (!writer->failed) {
        memcpy(writer->bytes + start + sizeof index, &count, sizeof count);
    }
    end_item(writer, start);
}

static void put_node(struct writer *writer, struct attachment *attachment, uint32_t index)
{
    if (index != ROOT_NODE) {
        if (node_at(&attachment->nodes, index)->generation == 0) {
            put_place(writer, LEDGER_NO_NODE, attachment->channel, index);
            return;
        }
        size_t start = begin_item(writer, LEDGER_NODE, attachment->channel);
        table_put_node(writer, &attachment->nodes, index);
        end_item(writer, start);
    }
    put_locks(writer, attachment, index);
}

static void put_handle(struct writer *writer, const struct attachment *attachment, uint32_t index)
{
    if (attachment->handles.all[index].generation == 0) {
        put_place(writer, LEDGER_NO_HANDLE, attachment->channel, index);
        return;
    }
    size_t start = begin_item(writer, LEDGER_HANDLE, attachment->channel);
    table_put_handle(writer, attachment, index);
    end_item(writer, start);
}

static void put_changes(struct writer *writer, struct attachment *attachment)
{
    struct changes *nodes = &attachment->nodes.changes;
    for (uint32_t i = 0; i < nodes->count; i++) {
        put_node(writer, attachment, nodes->all[i]);
    }
    struct changes *handles = &attachment->handles.changes;
    for (uint32_t i = 0; i < handles->count; i++) {
        put_handle(writer, attachment, handles->all[i]);
    }
}

static void put_all(struct writer *writer, struct attachment *attachment)
{
    size_t start = begin_item(writer, LEDGER_MOUNT, attachment->channel);
    PUT(writer, attachment->minor);
    table_put(writer, attachment->tag, strlen(attachment->tag));
    end_item(writer, start);
    for (uint32_t index = ROOT_NODE; index < attachment->nodes.size; index++) {
        if (index == ROOT_NODE || node_at(&attachment->nodes, index)->generation != 0) {
            put_node(writer, attachment, index);
        }
    }
    for (uint32_t index = 1; index < attachment->handles.size; index++) {
        if (attachment->handles.all[index].generation != 0) {
            put_handle(writer, attachment, index);
        }
    }
}

static void put_session(struct writer *writer, struct server *server, bool with_waiting)
{
    const struct port *port = &server->port;
    if (with_waiting) {
        size_t start = begin_item(writer, LEDGER_WAITING, 0);
        table_put_waiting(writer, &server->waiting);
        end_item(writer, start);
    }
    for (const struct kept *kept = port->first_kept; kept != NULL; kept = kept->next) {
        if (kept->number > server->ledger.answered) {
            size_t start = begin_item(writer, LEDGER_ANSWER, kept->channel);
            table_put_answer(writer, kept);
            end_item(writer, start);
        }
    }
    uint64_t received = port->first_kept == NULL ? port->sent : port->first_kept->number - 1;
    size_t start = begin_item(writer, LEDGER_DONE, 0);
    PUT(writer, port->done);
    PUT(writer, port->sent);
    PUT(writer, received);
    end_item(writer, start);
}

static bool write_anew(struct server *server)
{
    struct ledger *ledger = &server->ledger;
    struct writer *writer = &ledger->entry;
    size_t next = 1 - ledger->current;
    int fd = ledger->fds[next];
    ledger->answered = 0;
    begin_entry(writer);
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        if (server->attachments[i].is_used && server->attachments[i].channel != 0) {
            put_all(writer, &server->attachments[i]);
        }
    }
    put_session(writer, server, true);
    struct ledger_file file = {.generation = ledger->generation + 1};
    memcpy(file.mark, LEDGER_MARK, sizeof file.mark);
    /* The mark is last: without it the other file is the good one. */
    if (ftruncate(fd, 0) < 0 || !write_entry(ledger, fd, sizeof file) || pwrite(fd, &file, sizeof file, 0) != sizeof file) {
        return false;
    }
    ledger->current = next;
    ledger->generation = file.generation;
    ledger->length = ledger->first_length = sizeof file + writer->length;
    if (writer->size > LEAST_GROWTH_BYTES) {
        free(writer->bytes);
        *writer = (struct writer){.bytes = NULL};
    }
    return true;
}

static bool append(struct ledger *ledger)
{
    if (!write_entry(ledger, ledger->fds[ledger->current], ledger->length)) {
        return false;
    }
    ledger->length += ledger->entry.length;
    return true;
}

static bool write_changes(struct server *server)
{
    struct writer *writer = &server->ledger.entry;
    begin_entry(writer);
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        if (server->attachments[i].is_used && server->attachments[i].channel != 0) {
            put_changes(writer, &server->attachments[i]);
        }
    }
    put_session(writer, server, server->waiting.changed);
    return append(&server->ledger);
}

/* Whether they were all known. */
static bool forget_changes(struct server *server)
{
    bool known = true;
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        struct changes *each[] = {&server->attachments[i].nodes.changes, &server->attachments[i].handles.changes};
        for (size_t at = 0; at < 2; at++) {
            known = known && !each[at]->missed;
            each[at]->count = 0;
            each[at]->missed = false;
        }
    }
    server->waiting.changed = false;
    return known;
}

void ledger_commit(struct server *server)
{
    struct ledger *ledger = &server->ledger;
    if (ledger->fds[0] < 0 || !server->port.has_session) {
        forget_changes(server);
        ledger->is_due = true;
        return;
    }
    bool is_grown = ledger->length - ledger->first_length > LEAST_GROWTH_BYTES && ledger->length > 2 * ledger->first_length;
    bool written = ledger->is_due || is_grown ? write_anew(server) : write_changes(server);
    ledger->is_due = !forget_changes(server);
    ledger->answered = server->port.sent;
    if (!written) {
        do_without(ledger);
    }
}

void ledger_write(struct server *server)
{
    struct ledger *ledger = &server->ledger;
    if (ledger->fds[0] < 0) {
        return;
    }
    if (!write_anew(server)) {
        do_without(ledger);
    }
}

/* A second time it would say that there is something already, or nothing any more, or do more than was asked. */
static bool is_done_once(const struct fuse_in_header *in, const uint8_t *message, size_t length)
{
    struct fuse_write_in write;
    switch (in->opcode) {
    case FUSE_WRITE:
        if (length < sizeof *in + sizeof write) {
            return false;
        }
        memcpy(&write, message + sizeof *in, sizeof write);
        return (write.flags & O_APPEND) != 0;
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_LINK:
    case FUSE_CREATE:
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR:
    case FUSE_FALLOCATE:
    case FUSE_COPY_FILE_RANGE:
        return true;
    default:
        return false;
    }
}

void ledger_begin(struct server *server, uint16_t channel, const uint8_t *message, size_t length)
{
    struct ledger *ledger = &server->ledger;
    struct fuse_in_header in;
    if (ledger->fds[0] < 0 || ledger->is_due || length < sizeof in) {
        return;
    }
    memcpy(&in, message, sizeof in);
    if (!is_done_once(&in, message, length)) {
        return;
    }
    begin_entry(&ledger->entry);
    size_t start = begin_item(&ledger->entry, LEDGER_BEGUN, channel);
    PUT(&ledger->entry, server->port.done);
    PUT(&ledger->entry, in.unique);
    end_item(&ledger->entry, start);
    if (!append(ledger)) {
        do_without(ledger);
    }
}

/* NULL where it is none, or too long. */
static uint8_t *read_file(int fd, size_t *length, uint64_t *generation)
{
    struct stat found;
    struct ledger_file file;
    if (pread(fd, &file, sizeof file, 0) != sizeof file || memcmp(file.mark, LEDGER_MARK, sizeof file.mark) != 0 ||
        fstat(fd, &found) < 0 || found.st_size > MAX_TABLE_BYTES) {
        return NULL;
    }
    *length = (size_t)found.st_size - sizeof file;
    *generation = file.generation;
    uint8_t *bytes = malloc(*length + 1);
    size_t got = 0;
    while (bytes != NULL && got < *length) {
        ssize_t part = pread(fd, bytes + got, *length - got, (off_t)(sizeof file + got));
        if (part <= 0) {
            free(bytes);
            return NULL;
        }
        got += (size_t)part;
    }
    return bytes;
}

int ledger_recover(struct server *server)
{
    struct ledger *ledger = &server->ledger;
    struct writer table = {.bytes = NULL};
    uint8_t *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; i < LEDGER_FILES && ledger->fds[i] >= 0; i++) {
        size_t length;
        uint64_t generation;
        uint8_t *bytes = read_file(ledger->fds[i], &length, &generation);
        if (bytes == NULL || (best != NULL && generation < ledger->generation)) {
            free(bytes);
            continue;
        }
        free(best);
        best = bytes;
        best_length = length;
        ledger->current = i;
        ledger->generation = generation;
    }
    if (best == NULL) {
        return ENOENT;
    }
    int error = ledger_table(best, best_length, &table);
    error = error != 0 ? error : table_load(server, table.bytes, table.length, false);
    free(best);
    free(table.bytes);
    return error;
}
