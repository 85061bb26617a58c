#include "session.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "beneath.h"
#include "server.h"
#include "virtual.h"

enum { EMPTY_FRAME_BYTES = WIRE_HEADER_BYTES + WIRE_END_BYTES };

void session_greet(struct server *server)
{
    struct port *port = &server->port;
    const uint8_t none[WIRE_NONCE_BYTES] = {0};
    if (memcmp(port->nonce, none, sizeof none) == 0) {
        uint8_t *space = port_space(port, WIRE_MAX_FRAME_BYTES);
        if (space == NULL || syscall(SYS_getrandom, port->nonce, sizeof port->nonce, 0) < 0) {
            return;
        }
        memset(space, 0, WIRE_MAX_FRAME_BYTES);
        port->out_end += WIRE_MAX_FRAME_BYTES;
    }
    struct wire_hello hello = {.has_table = server->has_table, .done = port->done};
    memcpy(hello.marker, WIRE_MARKER, WIRE_MARKER_BYTES);
    memcpy(hello.nonce, port->nonce, WIRE_NONCE_BYTES);
    port_send(port, WIRE_HELLO, 0, 0, &hello, sizeof hello);
}

/* Anything that is no frame of this session. */
static void begin_anew(struct server *server)
{
    struct port *port = &server->port;
    port->has_session = false;
    port->next_hello_ns = 0;
    memset(port->nonce, 0, sizeof port->nonce);
    port->out_start = port->out_end = 0;
    server->unknown_messages++;
}

/* In the order of their numbers: what an agent has it does not take twice. */
static void send_kept(struct server *server)
{
    struct port *port = &server->port;
    for (const struct kept *kept = port->first_kept; kept != NULL; kept = kept->next) {
        if (!kept->is_read) {
            port_send(port, kept->kind, kept->channel, kept->number, kept->bytes, kept->length);
            continue;
        }
        port->again = kept->number;
        server_do(server, kept->channel, kept->bytes, kept->length);
        port->again = 0;
    }
}

static void welcomed(struct server *server, const struct wire_header *header, const struct wire_welcome *welcome)
{
    struct port *port = &server->port;
    port->has_session = true;
    if (welcome->starts_anew || !server->has_table) {
        port_drop_received(port, UINT64_MAX);
        port->done = port->told = port->sent = 0;
        server_forget(server);
    }
    server->has_table = true;
    port_drop_received(port, header->received);
    server->ledger.is_due = true;
    ledger_commit(server);
    send_kept(server);
}

static bool is_welcome(const struct server *server, const uint8_t *bytes, struct wire_header *header, struct wire_welcome *welcome)
{
    uint32_t end;
    memcpy(header, bytes, sizeof *header);
    memcpy(welcome, bytes + sizeof *header, sizeof *welcome);
    memcpy(&end, bytes + sizeof *header + sizeof *welcome, sizeof end);
    return header->magic == WIRE_MAGIC && header->kind == WIRE_WELCOME && header->length == sizeof *welcome && end == WIRE_END &&
           memcmp(welcome->marker, WIRE_MARKER, WIRE_MARKER_BYTES) == 0 &&
           memcmp(welcome->nonce, server->port.nonce, WIRE_NONCE_BYTES) == 0;
}

size_t session_find_welcome(struct server *server, const uint8_t *bytes, size_t length)
{
    struct wire_header header;
    struct wire_welcome welcome;
    const size_t needed = EMPTY_FRAME_BYTES + sizeof welcome;
    const uint8_t first = WIRE_MAGIC & 0xFF;
    const uint8_t *at = bytes;
    while ((at = memchr(at, first, length - (size_t)(at - bytes))) != NULL) {
        if (length - (size_t)(at - bytes) < needed) {
            return (size_t)(at - bytes);
        }
        if (is_welcome(server, at, &header, &welcome)) {
            welcomed(server, &header, &welcome);
            return (size_t)(at - bytes) + needed;
        }
        at++;
    }
    return length;
}

static bool is_free(const struct server *server, uint16_t channel)
{
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        if (server->attachments[i].is_used && server->attachments[i].channel == channel) {
            return false;
        }
    }
    return channel != 0;
}

static uint32_t open_channel(struct server *server, uint16_t channel, const uint8_t *bytes, size_t length, uint32_t *mode)
{
    char tag[MAX_TAG_BYTES + 1] = "";
    if (length == 0 || length > MAX_TAG_BYTES || memchr(bytes, 0, length) != NULL) {
        return EINVAL;
    }
    memcpy(tag, bytes, length);
    struct attachment *attachment = server_tagged(server, tag);
    if (attachment == NULL || !attachment->has_root) {
        return ENOENT;
    }
    if (attachment->channel != 0 || !is_free(server, channel)) {
        return EBUSY;
    }
    struct statx found;
    int fd = node_at(&attachment->nodes, ROOT_NODE)->fd;
    int error = stat_descriptor(fd, &found) < 0 ? errno : virtual_apply(attachment, fd, &found);
    if (error == 0) {
        attachment->channel = channel;
        server->ledger.is_due = true;
        *mode = found.stx_mode;
    }
    return (uint32_t)error;
}

static void open_and_answer(struct server *server, uint16_t channel, const uint8_t *bytes, size_t length)
{
    struct port *port = &server->port;
    struct wire_opened opened = {.mode = 0};
    opened.error = open_channel(server, channel, bytes, length, &opened.mode);
    uint64_t number = port_next_number(port);
    port_keep(port, number, channel, WIRE_OPENED, false, &opened, sizeof opened);
    port_send(port, WIRE_OPENED, channel, number, &opened, sizeof opened);
}

static void close_channel(struct server *server, uint16_t channel)
{
    struct attachment *attachment = server_attachment(server, channel);
    waiting_drop(server, channel);
    server->ledger.is_due = true;
    if (attachment != NULL && !attachment_forget(attachment, server->node_limit)) {
        server->is_over = true;
    }
    waiting_hurry(server);
}

static void do_frame(struct server *server, const struct wire_header *header, const uint8_t *payload)
{
    switch (header->kind) {
    case WIRE_OPEN:
        open_and_answer(server, header->channel, payload, header->length);
        break;
    case WIRE_CLOSE:
        close_channel(server, header->channel);
        break;
    case WIRE_FUSE:
        server_do(server, header->channel, payload, header->length);
        break;
    }
}

/* Of a HELLO that was answered twice there is a second WELCOME. */
static bool has_number(uint8_t kind)
{
    return kind == WIRE_OPEN || kind == WIRE_CLOSE || kind == WIRE_FUSE;
}

size_t session_take_frame(struct server *server, const uint8_t *bytes, size_t length)
{
    struct port *port = &server->port;
    struct wire_header header;
    uint32_t end;
    if (length < EMPTY_FRAME_BYTES) {
        return 0;
    }
    memcpy(&header, bytes, sizeof header);
    bool is_known = has_number(header.kind) || header.kind == WIRE_WELCOME || header.kind == WIRE_RECEIVED;
    if (header.magic != WIRE_MAGIC || header.version != WIRE_VERSION || !is_known || header.length > MAX_MESSAGE_BYTES) {
        begin_anew(server);
        return 1;
    }
    size_t whole = EMPTY_FRAME_BYTES + header.length;
    if (length < whole) {
        return 0;
    }
    memcpy(&end, bytes + sizeof header + header.length, sizeof end);
    bool is_ahead = has_number(header.kind) && header.number > port->done + 1;
    if (end != WIRE_END || is_ahead || header.received > port->sent) {
        begin_anew(server);
        return 1;
    }
    port_drop_received(port, header.received);
    if (has_number(header.kind) && header.number == port->done + 1) {
        port->done++;
        if (header.kind == WIRE_FUSE) {
            ledger_begin(server, header.channel, bytes + sizeof header, header.length);
        }
        do_frame(server, &header, bytes + sizeof header);
        ledger_commit(server);
    }
    return whole;
}
