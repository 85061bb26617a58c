#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "system/local-address.h"

enum { MAX_HOST_BYTES = 64 };

struct socket_stream {
    /* `in` and `out` are two descriptors of one socket. */
    struct stream stream;
    bool connecting;
    bool output_ended;
    /* Why its input is thrown away; 0 while it is not. */
    int input_error;
};

static struct socket_stream *socket_of(struct stream *stream)
{
    return (struct socket_stream *)stream;
}

static void send_done(struct agent *agent, uint32_t id, uint32_t error)
{
    const char *text = error == 0 ? "" : strerror((int)error);
    link_send_parts(&agent->link, KIND_DONE, id, &error, sizeof error, text, strlen(text));
}

static void end_if_over(struct agent *agent, struct stream *stream)
{
    if (socket_of(stream)->output_ended && stream->input_ended && stream->input.length == 0) {
        stream_close(agent, stream);
    }
}

/*
 * A connection's error is told once, by the kernel: where a write was told, what read() returns behind the last byte looks like an end. EPIPE is a
 * reset that came after the peer's end, so what was read is whole.
 */
static int output_error(const struct socket_stream *tcp, ssize_t bytes)
{
    if (bytes < 0) {
        return (int)-bytes;
    }
    return tcp->input_error == EPIPE ? 0 : tcp->input_error;
}

static void output_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    struct stream *stream = watch->stream;
    ssize_t bytes = stream_pump(agent, stream, watch, KIND_DATA);
    if (bytes > 0 || bytes == -EAGAIN || bytes == -EINTR) {
        return;
    }
    int error = output_error(socket_of(stream), bytes);
    if (error != 0) {
        stream_reset(agent, stream, (uint32_t)error);
        return;
    }
    watch_close(watch);
    socket_of(stream)->output_ended = true;
    link_send(&agent->link, KIND_END, stream->id, NULL, 0);
    end_if_over(agent, stream);
}

static void push_input(struct agent *agent, struct stream *stream)
{
    int error = stream_flush_input(agent, stream);
    if (error != 0) {
        /* A server that does not want to read a request may have answered it before it closed. */
        socket_of(stream)->input_error = error;
        stream_discard_input(agent, stream);
        end_if_over(agent, stream);
    } else if (stream->input_ended && stream->input.length == 0) {
        shutdown(stream->in.fd, SHUT_WR);
        end_if_over(agent, stream);
    }
}

/* 0 or an errno. Reading and writing are watched apart, so each has a descriptor. */
static int connected(struct agent *agent, struct stream *stream)
{
    int fd = fcntl(stream->in.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    socket_of(stream)->connecting = false;
    watch_open(&stream->out, fd, agent->stream_epoll, stream, output_ready);
    watch_set(&stream->out, EPOLLIN);
    watch_set(&stream->in, 0);
    return 0;
}

static void input_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    struct stream *stream = watch->stream;
    if (!socket_of(stream)->connecting) {
        push_input(agent, stream);
        return;
    }
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error == 0) {
        error = connected(agent, stream);
    }
    send_done(agent, stream->id, (uint32_t)error);
    if (error == 0) {
        push_input(agent, stream);
    } else {
        stream_close(agent, stream);
    }
}

static void without_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void open_dial(struct agent *agent, uint32_t id, const uint8_t *request, size_t length)
{
    char host[MAX_HOST_BYTES] = "";
    uint16_t port = 0;
    union address address;
    if (length < 4 || length - 4 >= sizeof host) {
        send_done(agent, id, EINVAL);
        return;
    }
    memcpy(&port, request, sizeof port);
    memcpy(host, request + 4, length - 4);
    bool is_local = host[0] == 0 || strcmp(host, "localhost") == 0;
    socklen_t size = parse_address(&address, is_local ? "127.0.0.1" : host, port);
    int fd = size == 0 ? -1 : socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct stream *stream = fd < 0 ? NULL : stream_open(agent, id, &socket_kind);
    if (stream == NULL) {
        send_done(agent, id, size == 0 ? EINVAL : EMFILE);
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    without_delay(fd);
    watch_open(&stream->in, fd, agent->stream_epoll, stream, input_ready);
    socket_of(stream)->connecting = true;
    if (connect(fd, &address.any, size) < 0 && errno != EINPROGRESS) {
        send_done(agent, id, (uint32_t)errno);
        stream_close(agent, stream);
        return;
    }
    watch_set(&stream->in, EPOLLOUT);
}

static void receive_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length)
{
    if (stream->input_ended) {
        stream_reset(agent, stream, EPROTO);
    } else if (socket_of(stream)->input_error != 0) {
        stream_consumed(agent, stream, (uint32_t)length);
    } else if (!stream_queue_input(stream, bytes, length)) {
        stream_reset(agent, stream, ENOMEM);
    } else if (!socket_of(stream)->connecting) {
        push_input(agent, stream);
    }
}

static void receive_end(struct agent *agent, struct stream *stream)
{
    stream->input_ended = true;
    if (socket_of(stream)->input_error != 0) {
        end_if_over(agent, stream);
    } else if (!socket_of(stream)->connecting) {
        push_input(agent, stream);
    }
}

static void resume_output(struct agent *agent, struct stream *stream)
{
    (void)agent;
    if (!socket_of(stream)->connecting) {
        watch_set(&stream->out, EPOLLIN);
    }
}

bool socket_accepted(struct agent *agent, uint32_t id, int fd)
{
    struct stream *stream = stream_open(agent, id, &socket_kind);
    if (stream == NULL) {
        close(fd);
        return false;
    }
    without_delay(fd);
    watch_open(&stream->in, fd, agent->stream_epoll, stream, input_ready);
    if (connected(agent, stream) != 0) {
        stream_close(agent, stream);
        return false;
    }
    return true;
}

const struct stream_kind socket_kind = {
    .bytes = sizeof(struct socket_stream),
    .opened_by = KIND_OPEN_DIAL,
    .open = open_dial,
    .data = receive_data,
    .end = receive_end,
    .resume = resume_output,
};
