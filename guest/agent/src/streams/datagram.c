#include "datagram.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "system/local-address.h"

enum { LENGTH_BYTES = 2, MAX_DATAGRAM_BYTES = 65507, MAX_RECORD_BYTES = LENGTH_BYTES + MAX_DATAGRAM_BYTES };

static void answer(struct agent *agent, uint32_t id, uint32_t error)
{
    const char *text = error == 0 ? "" : strerror((int)error);
    link_send_parts(&agent->link, KIND_DONE, id, &error, sizeof error, text, strlen(text));
}

/* What finds no room waits in the kernel, which throws away what is more than that: as on any network. */
static void output_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    struct stream *stream = watch->stream;
    if (!link_has_room(&agent->link)) {
        return;
    }
    if (stream->window < MAX_RECORD_BYTES) {
        watch_set(watch, 0);
        return;
    }
    uint8_t *space = link_data_space(&agent->link);
    ssize_t bytes = recv(watch->fd, space + LENGTH_BYTES, MAX_DATAGRAM_BYTES, MSG_DONTWAIT);
    if (bytes < 0) {
        return; /* Nothing there, or that nobody listens: a later datagram may find somebody. */
    }
    uint16_t length = (uint16_t)bytes;
    memcpy(space, &length, LENGTH_BYTES);
    stream->window -= LENGTH_BYTES + (uint32_t)bytes;
    link_send_data(&agent->link, KIND_DATA, stream->id, LENGTH_BYTES + (size_t)bytes);
}

static void resume_output(struct agent *agent, struct stream *stream)
{
    (void)agent;
    if (stream->window >= MAX_RECORD_BYTES) {
        watch_set(&stream->out, EPOLLIN);
    }
}

/* All that are whole. Lost is what the socket does not take. */
static bool send_whole(struct agent *agent, struct stream *stream)
{
    struct input_queue *input = &stream->input;
    uint16_t length = 0;
    while (input->length >= LENGTH_BYTES) {
        const uint8_t *record = input->bytes + input->start;
        memcpy(&length, record, LENGTH_BYTES);
        if (length > MAX_DATAGRAM_BYTES) {
            return false;
        }
        if (input->length < LENGTH_BYTES + (size_t)length) {
            break;
        }
        (void)!send(stream->out.fd, record + LENGTH_BYTES, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        input->start += LENGTH_BYTES + (size_t)length;
        input->length -= LENGTH_BYTES + (size_t)length;
        stream_consumed(agent, stream, LENGTH_BYTES + (uint32_t)length);
    }
    return true;
}

static void receive_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length)
{
    if (!stream_queue_input(stream, bytes, length)) {
        stream_reset(agent, stream, ENOMEM);
    } else if (!send_whole(agent, stream)) {
        stream_reset(agent, stream, EPROTO);
    }
}

static void receive_end(struct agent *agent, struct stream *stream)
{
    link_send(&agent->link, KIND_END, stream->id, NULL, 0);
    stream_close(agent, stream);
}

static void open_datagrams(struct agent *agent, uint32_t id, const uint8_t *request, size_t length)
{
    uint16_t port = 0;
    union address address;
    if (request == NULL || length != sizeof port) {
        answer(agent, id, EINVAL);
        return;
    }
    memcpy(&port, request, sizeof port);
    socklen_t size = parse_address(&address, "127.0.0.1", port);
    int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, &address.any, size) < 0) {
        answer(agent, id, (uint32_t)errno);
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    struct stream *stream = stream_open(agent, id, &datagram_kind);
    if (stream == NULL) {
        answer(agent, id, EMFILE);
        close(fd);
        return;
    }
    watch_open(&stream->out, fd, agent->stream_epoll, stream, output_ready);
    watch_set(&stream->out, EPOLLIN);
    answer(agent, id, 0);
}

const struct stream_kind datagram_kind = {
    .bytes = sizeof(struct stream),
    .opened_by = KIND_OPEN_DATAGRAMS,
    .open = open_datagrams,
    .data = receive_data,
    .end = receive_end,
    .resume = resume_output,
};
