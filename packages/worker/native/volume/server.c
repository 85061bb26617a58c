#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"

enum { MAX_EVENTS = MAX_CONTROLS + 2 };

bool server_init(struct server *server, int port, uint32_t nodes)
{
    memset(server, 0, sizeof *server);
    server->node_limit = nodes;
    server->listener = -1;
    for (size_t i = 0; i < MAX_CONTROLS; i++) {
        server->controls[i].fd = -1;
    }
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        server->attachments[i].account_fd = -1;
    }
    ledger_init(&server->ledger);
    return port_init(&server->port, port);
}

void server_free(struct server *server)
{
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        if (server->attachments[i].is_used) {
            attachment_free(&server->attachments[i]);
        }
    }
    for (size_t i = 0; i < MAX_CONTROLS; i++) {
        control_close(&server->controls[i]);
    }
    port_free(&server->port);
    ledger_close(&server->ledger);
}

struct attachment *server_attachment(struct server *server, uint16_t channel)
{
    for (size_t i = 0; i < MAX_ATTACHMENTS && channel != 0; i++) {
        if (server->attachments[i].is_used && server->attachments[i].channel == channel) {
            return &server->attachments[i];
        }
    }
    return NULL;
}

struct attachment *server_tagged(struct server *server, const char *tag)
{
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        if (server->attachments[i].is_used && strcmp(server->attachments[i].tag, tag) == 0) {
            return &server->attachments[i];
        }
    }
    return NULL;
}

struct attachment *server_add(struct server *server, const char *tag)
{
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        if (!server->attachments[i].is_used) {
            bool made = attachment_init(&server->attachments[i], tag, server->node_limit);
            errno = made ? errno : ENOMEM;
            return made ? &server->attachments[i] : NULL;
        }
    }
    errno = ENOSPC;
    return NULL;
}

void server_remove(struct server *server, struct attachment *attachment)
{
    waiting_drop(server, attachment->channel);
    attachment_free(attachment);
    server->ledger.is_due = true;
    waiting_hurry(server);
}

void server_forget(struct server *server)
{
    memset(&server->waiting, 0, sizeof server->waiting);
    server->ledger.is_due = true;
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        struct attachment *attachment = &server->attachments[i];
        if (!attachment->is_used) {
            continue;
        }
        if (!attachment->has_root) {
            attachment_free(attachment);
        } else if (!attachment_forget(attachment, server->node_limit)) {
            server->is_over = true;
        }
    }
}

/* The sooner of two times to wait, of which -1 is never. */
static int sooner(int one, int other)
{
    return one < 0 ? other : other < 0 || one < other ? one : other;
}

static void watch(int epoll, int operation, int fd, uint32_t events, void *whose)
{
    struct epoll_event event = {.events = events, .data.ptr = whose};
    epoll_ctl(epoll, operation, fd, &event);
}

static void set_watches(struct server *server, int epoll)
{
    uint32_t events = (port_wants_input(server) ? EPOLLIN : 0u) | (port_has_output(server) ? EPOLLOUT : 0u);
    watch(epoll, EPOLL_CTL_MOD, server->port.fd, events, &server->port);
    for (size_t i = 0; i < MAX_CONTROLS; i++) {
        struct control *control = &server->controls[i];
        if (control->fd >= 0) {
            watch(epoll, EPOLL_CTL_MOD, control->fd, control->out_length > 0 ? EPOLLOUT : EPOLLIN, control);
        }
    }
}

static void accept_control(struct server *server, int epoll)
{
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct control *control = fd < 0 ? NULL : control_open(server, fd);
    if (control == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, control);
}

/* False when the port is closed. */
static bool do_event(struct server *server, int epoll, const struct epoll_event *event)
{
    if (event->data.ptr == &server->listener) {
        accept_control(server, epoll);
        return true;
    }
    if (event->data.ptr != &server->port) {
        control_ready(server, event->data.ptr);
        return true;
    }
    if ((event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && port_wants_input(server)) {
        return port_read(server);
    }
    /* A port that is closed while nothing is read of it would be told of for ever. */
    return (event->events & EPOLLHUP) == 0;
}

static int serve(struct server *server, int epoll)
{
    struct epoll_event events[MAX_EVENTS];
    while (!server->is_over) {
        /* Whoever waits in a table has no root before the guest is there. */
        int waiting = server->port.has_session && !server->is_frozen ? waiting_try(server) : -1;
        if (server->waiting.changed) {
            ledger_commit(server);
        }
        int timeout = server->is_frozen ? -1 : server->port.has_more ? 0 : sooner(port_greet(server), waiting);
        if (!port_write(server)) {
            return 0;
        }
        set_watches(server, epoll);
        int count = epoll_wait(epoll, events, MAX_EVENTS, timeout);
        for (int i = 0; i < count; i++) {
            if (!do_event(server, epoll, &events[i])) {
                return 0;
            }
        }
        /* What was held back, by a freeze or by answers that waited. */
        port_do_frames(server);
        port_write(server);
        control_flush_all(server);
    }
    return 0;
}

int server_run(struct server *server)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) {
        return 1;
    }
    fcntl(server->port.fd, F_SETFL, fcntl(server->port.fd, F_GETFL) | O_NONBLOCK);
    watch(epoll, EPOLL_CTL_ADD, server->port.fd, EPOLLIN, &server->port);
    if (server->listener >= 0) {
        fcntl(server->listener, F_SETFL, O_NONBLOCK);
        watch(epoll, EPOLL_CTL_ADD, server->listener, EPOLLIN, &server->listener);
    }
    int status = serve(server, epoll);
    close(epoll);
    return status;
}
