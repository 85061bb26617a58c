#include "forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "socket.h"
#include "system/local-address.h"

enum { BACKLOG = 128 };

#define DEFAULT_HOST "127.0.0.1"

/* Its place is free for another: which of them a connection came to is told by the place. */
static bool is_closed(const struct forward *forward)
{
    return forward->port == 0;
}

static void accept_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            /* The connection stays where it is, and so would the readiness. */
            agent->forwards_paused = true;
            watch_set(watch, 0);
        }
        return;
    }
    uint32_t id = GUEST_STREAM_BIT | agent->next_guest_stream++;
    if (socket_accepted(agent, id, fd)) {
        uint16_t port = agent->forwards[watch - agent->forward_watches].port;
        link_send(&agent->link, KIND_OPEN_FORWARD, id, &port, sizeof port);
    }
}

void forwards_resume(struct agent *agent)
{
    agent->forwards_paused = false;
    for (size_t i = 0; i < agent->forward_count; i++) {
        if (!is_closed(&agent->forwards[i])) {
            watch_set(&agent->forward_watches[i], EPOLLIN);
        }
    }
}

void forwards_close(struct agent *agent)
{
    for (size_t i = 0; i < agent->forward_count; i++) {
        if (!is_closed(&agent->forwards[i])) {
            watch_close(&agent->forward_watches[i]);
        }
    }
}

void forwards_keep(struct agent *agent, uint16_t port)
{
    for (size_t i = 0; i < agent->forward_count; i++) {
        struct forward *forward = &agent->forwards[i];
        if (!is_closed(forward) && forward->port != port && strcmp(forward->host, DEFAULT_HOST) == 0) {
            watch_close(&agent->forward_watches[i]);
            forward->port = 0;
        }
    }
}

static size_t free_place(const struct agent *agent)
{
    size_t place = 0;
    while (place < agent->forward_count && !is_closed(&agent->forwards[place])) {
        place++;
    }
    return place;
}

/* The descriptor, or a negative errno. */
static int listen_at(const union address *address, socklen_t size)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 || bind(fd, &address->any, size) < 0 ||
        listen(fd, BACKLOG) < 0) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return -error;
    }
    return fd;
}

static bool is_forwarded(const struct agent *agent, const struct forward *wanted)
{
    for (size_t i = 0; i < agent->forward_count; i++) {
        if (agent->forwards[i].port == wanted->port && strcmp(agent->forwards[i].host, wanted->host) == 0) {
            return true;
        }
    }
    return false;
}

int forward_open(struct agent *agent, const char *host, uint16_t port)
{
    union address address;
    socklen_t size = parse_address(&address, host, port);
    if (size == 0 || port == 0) {
        return EINVAL;
    }
    struct forward wanted = {.port = port};
    bool v4 = address.any.sa_family == AF_INET;
    /* One way to write each address, so that it is found again. */
    inet_ntop(address.any.sa_family, v4 ? (void *)&address.v4.sin_addr : &address.v6.sin6_addr, wanted.host, sizeof wanted.host);
    if (is_forwarded(agent, &wanted)) {
        return 0; /* A clone listens already: the socket came with its memory. */
    }
    size_t place = free_place(agent);
    if (place == MAX_FORWARDS) {
        return EMFILE;
    }
    if (!is_loopback(&address)) {
        int error = agent->leaves_machine_alone ? EPERM : add_local_address(&address);
        if (error != 0) {
            return error;
        }
    }
    int fd = listen_at(&address, size);
    if (fd < 0) {
        return -fd;
    }
    agent->forward_count += place == agent->forward_count;
    agent->forwards[place] = wanted;
    watch_open(&agent->forward_watches[place], fd, agent->stream_epoll, NULL, accept_ready);
    watch_set(&agent->forward_watches[place], EPOLLIN);
    return 0;
}
