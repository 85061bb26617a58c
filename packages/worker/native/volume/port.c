#include "port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "request.h"
#include "server.h"
#include "session.h"

enum {
    INPUT_BYTES = 4 * WIRE_MAX_FRAME_BYTES,
    FIRST_OUTPUT_BYTES = 64 * 1024,
    HELLO_PERIOD_NS = 50000000,
    NS_PER_MS = 1000000,
    /* The worker is listened to so often: a guest can ask for a thousand things at once. */
    TURN_NS = 2000000,
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

bool port_init(struct port *port, int fd)
{
    *port = (struct port){.fd = fd};
    port->in = malloc(INPUT_BYTES);
    port->out = malloc(FIRST_OUTPUT_BYTES);
    port->out_size = FIRST_OUTPUT_BYTES;
    return port->in != NULL && port->out != NULL;
}

static void drop_first_kept(struct port *port)
{
    struct kept *kept = port->first_kept;
    port->first_kept = kept->next;
    if (port->first_kept == NULL) {
        port->last_kept = NULL;
    }
    port->kept_count--;
    port->kept_bytes -= kept->length;
    free(kept);
}

void port_drop_received(struct port *port, uint64_t received)
{
    while (port->first_kept != NULL && port->first_kept->number <= received) {
        drop_first_kept(port);
    }
}

void port_free(struct port *port)
{
    port_drop_received(port, UINT64_MAX);
    free(port->in);
    free(port->out);
    port->in = port->out = NULL;
}

bool port_keep(struct port *port, uint64_t number, uint16_t channel, uint8_t kind, bool is_read, const void *bytes, size_t length)
{
    struct kept *kept = malloc(sizeof *kept + length);
    if (kept == NULL) {
        return false;
    }
    *kept = (struct kept){.number = number, .channel = channel, .kind = kind, .is_read = is_read, .length = (uint32_t)length};
    memcpy(kept->bytes, bytes, length);
    if (port->last_kept != NULL) {
        port->last_kept->next = kept;
    } else {
        port->first_kept = kept;
    }
    port->last_kept = kept;
    port->kept_count++;
    port->kept_bytes += length;
    /* An agent says often what it has; who does not is no agent of ours, and may miss an answer after a restore. */
    while (port->kept_count > MAX_KEPT_ANSWERS || port->kept_bytes > MAX_KEPT_BYTES) {
        drop_first_kept(port);
    }
    return true;
}

uint8_t *port_space(struct port *port, size_t bytes)
{
    if (port->out_start == port->out_end) {
        port->out_start = port->out_end = 0;
    }
    if (port->out_size - port->out_end >= bytes) {
        return port->out + port->out_end;
    }
    size_t waiting = port->out_end - port->out_start;
    if (port->out_size - waiting >= bytes) {
        memmove(port->out, port->out + port->out_start, waiting);
    } else {
        size_t size = port->out_size * 2 > waiting + bytes ? port->out_size * 2 : waiting + bytes;
        uint8_t *grown = malloc(size);
        if (grown == NULL) {
            return NULL;
        }
        memcpy(grown, port->out + port->out_start, waiting);
        free(port->out);
        port->out = grown;
        port->out_size = size;
    }
    port->out_start = 0;
    port->out_end = waiting;
    return port->out + port->out_end;
}

/* Around a payload that stands in its place already. */
void port_close_frame(struct port *port, uint8_t kind, uint16_t channel, uint64_t number, size_t length)
{
    struct wire_header header = {
        .magic = WIRE_MAGIC,
        .kind = kind,
        .version = WIRE_VERSION,
        .channel = channel,
        .length = (uint32_t)length,
        .number = number,
        .received = port->done,
    };
    uint32_t end = WIRE_END;
    uint8_t *frame = port->out + port->out_end;
    memcpy(frame, &header, sizeof header);
    memcpy(frame + sizeof header + length, &end, sizeof end);
    port->out_end += sizeof header + length + sizeof end;
    port->told = port->done;
}

void port_send(struct port *port, uint8_t kind, uint16_t channel, uint64_t number, const void *bytes, size_t length)
{
    uint8_t *frame = port_space(port, WIRE_HEADER_BYTES + length + WIRE_END_BYTES);
    if (frame != NULL) {
        memcpy(frame + WIRE_HEADER_BYTES, bytes, length);
        port_close_frame(port, kind, channel, number, length);
    }
    /* Without memory it is kept all the same, and comes with the next session. */
}

uint64_t port_next_number(struct port *port)
{
    return port->again != 0 ? port->again : ++port->sent;
}

void port_answer(struct server *server, uint16_t channel, const struct fuse_out_header *header, const void *bytes)
{
    struct port *port = &server->port;
    size_t length = header->len - sizeof *header;
    uint8_t *frame = port_space(port, WIRE_HEADER_BYTES + header->len + WIRE_END_BYTES);
    if (frame == NULL) {
        server->is_over = true; /* An answer that never comes would hold the guest for ever. */
        return;
    }
    uint8_t *payload = frame + WIRE_HEADER_BYTES;
    memcpy(payload, header, sizeof *header);
    if (length > 0) {
        memcpy(payload + sizeof *header, bytes, length);
    }
    uint64_t number = port_next_number(port);
    if (port->again == 0) {
        port_keep(port, number, channel, WIRE_FUSE, false, payload, header->len);
    }
    port_close_frame(port, WIRE_FUSE, channel, number, header->len);
}

uint8_t *port_data_space(struct server *server, size_t bytes)
{
    size_t before = WIRE_HEADER_BYTES + sizeof(struct fuse_out_header);
    uint8_t *frame = port_space(&server->port, before + bytes + WIRE_END_BYTES);
    return frame == NULL ? NULL : frame + before;
}

void port_answer_data(struct request *request, size_t bytes)
{
    struct port *port = &request->server->port;
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + bytes), .unique = request->in.unique};
    memcpy(port->out + port->out_end + WIRE_HEADER_BYTES, &header, sizeof header);
    uint64_t number = port_next_number(port);
    if (port->again == 0) {
        port_keep(port, number, request->attachment->channel, WIRE_FUSE, true, port->message, port->message_length);
    }
    port_close_frame(port, WIRE_FUSE, request->attachment->channel, number, header.len);
}

bool port_wants_input(const struct server *server)
{
    const struct port *port = &server->port;
    return !server->is_frozen && port->out_end - port->out_start < OUTPUT_MARK_BYTES;
}

bool port_has_output(const struct server *server)
{
    return server->port.out_end > server->port.out_start;
}

int port_greet(struct server *server)
{
    struct port *port = &server->port;
    if (port->has_session || !server->may_greet) {
        return -1;
    }
    uint64_t time = now();
    if (time >= port->next_hello_ns) {
        /* Nobody may be there to read it yet. */
        if (port->out_end == port->out_start) {
            session_greet(server);
        }
        port->next_hello_ns = time + HELLO_PERIOD_NS;
    }
    return (int)((port->next_hello_ns - time) / NS_PER_MS) + 1;
}

/* What is left of it is moved to the front, so that a whole frame always fits behind. */
void port_do_frames(struct server *server)
{
    struct port *port = &server->port;
    uint64_t over = now() + TURN_NS;
    port->has_more = false;
    while (port_wants_input(server) && !server->is_over && !port->has_more) {
        size_t used = port->has_session ? session_take_frame(server, port->in + port->in_start, port->in_end - port->in_start)
                                        : session_find_welcome(server, port->in + port->in_start, port->in_end - port->in_start);
        if (used == 0) {
            break;
        }
        port->in_start += used;
        port->has_more = now() >= over;
    }
    if (port->in_start > 0) {
        memmove(port->in, port->in + port->in_start, port->in_end - port->in_start);
        port->in_end -= port->in_start;
        port->in_start = 0;
    }
    if (port->has_session && port->done - port->told >= SILENT_FRAMES) {
        port_send(port, WIRE_RECEIVED, 0, 0, "", 0);
    }
}

bool port_read(struct server *server)
{
    struct port *port = &server->port;
    if (port->in_end == INPUT_BYTES) {
        port_do_frames(server); /* Held back until now. */
        return true;
    }
    ssize_t bytes = read(port->fd, port->in + port->in_end, INPUT_BYTES - port->in_end);
    if (bytes > 0) {
        port->in_end += (size_t)bytes;
        port_do_frames(server);
        return true;
    }
    return bytes < 0 && (errno == EAGAIN || errno == EINTR);
}

bool port_write(struct server *server)
{
    struct port *port = &server->port;
    while (port->out_end > port->out_start) {
        ssize_t bytes = write(port->fd, port->out + port->out_start, port->out_end - port->out_start);
        if (bytes < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        port->out_start += (size_t)bytes;
    }
    return true;
}
