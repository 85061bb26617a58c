#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/clock.h"
#include "system/serial-port.h"

enum {
    /* A port without a host is reported as hung up for as long as it is so; it is looked at again so often. */
    RETRY_MS = 20,
    IDLE_RETRY_MS = 1000,
    POLLED = 2 + MAX_CLIENTS + MAX_CHANNELS,
};

/* How long requests wait for a server to come back. */
#define LOST_LIMIT_NS 30000000000u
#define PUMP_NAME "fastvm-volumes"
#define PORT_NAME "fastvm.fs"

/* In the abstract namespace, where no folder has to be looked at. */
static socklen_t own_address(struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    strcpy(address->sun_path + 1, PUMP_NAME);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(PUMP_NAME));
}

int pump_connect(void)
{
    struct sockaddr_un address;
    socklen_t length = own_address(&address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, length) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* -1 with EADDRINUSE when there is one already. */
static int listen_for_clients(void)
{
    struct sockaddr_un address;
    socklen_t length = own_address(&address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (bind(fd, (const struct sockaddr *)&address, length) < 0 || listen(fd, MAX_CLIENTS) < 0)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static struct pump *pump_new(int listener)
{
    struct pump *pump = calloc(1, sizeof *pump);
    if (pump == NULL || (pump->in = malloc((size_t)2 * WIRE_MAX_FRAME_BYTES)) == NULL) {
        free(pump);
        return NULL;
    }
    pump->port = pump->port_listener = -1;
    pump->listener = listener;
    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        pump->channels[i] = (struct channel){.fd = -1, .client = -1};
    }
    for (size_t i = 0; i < MAX_CLIENTS; i++) {
        pump->clients[i] = -1;
    }
    return pump;
}

static bool has_channels(const struct pump *pump)
{
    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        if (pump->channels[i].number != 0) {
            return true;
        }
    }
    return false;
}

static void disconnected(struct pump *pump)
{
    pump->is_connected = false;
    if (pump->lost_ns == 0) {
        pump->lost_ns = monotonic_ns() + LOST_LIMIT_NS;
    }
    if (pump->port_listener >= 0) {
        close(pump->port);
        pump->port = -1;
        pump->in_length = 0;
    }
}

/* Whether the host is there is told by a read alone; a HELLO follows if it is. */
static void look_for_host(struct pump *pump)
{
    if (pump->port_listener >= 0) {
        pump->port = accept4(pump->port_listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        pump->is_connected = pump->port >= 0;
        return;
    }
    pump->is_connected = port_take(pump);
}

static void give_up_if_late(struct pump *pump)
{
    if (pump->lost_ns != 0 && !pump->has_given_up && monotonic_ns() >= pump->lost_ns) {
        pump->has_given_up = true;
        pump_fail_pending(pump);
        sent_clear(&pump->sent);
    }
}

static int choose_timeout(const struct pump *pump)
{
    int retry = has_channels(pump) ? RETRY_MS : IDLE_RETRY_MS;
    if (!pump->is_connected) {
        return retry;
    }
    return pump->lost_ns != 0 && !pump->has_given_up ? IDLE_RETRY_MS : -1;
}

static bool takes_requests(const struct pump *pump)
{
    return pump->pending_count < MAX_PENDING && pump->sent.bytes < MAX_SENT_BYTES;
}

static short port_events(const struct pump *pump)
{
    bool has_output = pump->has_session && (pump->note_length > 0 || pump->sent.next != NULL);
    return (short)(POLLIN | (has_output ? POLLOUT : 0));
}

/* Descriptors of what is not there are -1, which poll passes over. */
static void fill(const struct pump *pump, struct pollfd polled[POLLED])
{
    size_t at = 0;
    polled[at++] = (struct pollfd){.fd = pump->is_connected ? pump->port : -1, .events = port_events(pump)};
    polled[at++] = (struct pollfd){.fd = pump->listener, .events = POLLIN};
    for (size_t i = 0; i < MAX_CLIENTS; i++) {
        polled[at++] = (struct pollfd){.fd = pump->clients[i], .events = POLLIN};
    }
    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        /* Also one that was unmounted is told of by what is not asked for. */
        polled[at++] = (struct pollfd){.fd = takes_requests(pump) ? pump->channels[i].fd : -1, .events = POLLIN};
    }
}

static void serve_once(struct pump *pump)
{
    struct pollfd polled[POLLED];
    fill(pump, polled);
    int ready = poll(polled, POLLED, choose_timeout(pump));
    if (!pump->is_connected) {
        look_for_host(pump);
    } else if (ready > 0 && (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !port_take(pump)) {
        disconnected(pump);
    }
    give_up_if_late(pump);
    if (ready > 0) {
        if (polled[1].revents != 0) {
            clients_accept(pump);
        }
        for (size_t i = 0; i < MAX_CLIENTS; i++) {
            if (polled[2 + i].revents != 0 && pump->clients[i] == polled[2 + i].fd) {
                client_read(pump, &pump->clients[i]);
            }
        }
        for (size_t i = 0; i < MAX_CHANNELS; i++) {
            if (polled[2 + MAX_CLIENTS + i].revents != 0 && pump->channels[i].fd == polled[2 + MAX_CLIENTS + i].fd) {
                channel_read(pump, &pump->channels[i]);
            }
        }
    }
    if (pump->is_connected) {
        port_give(pump);
    }
}

static void __attribute__((noreturn)) run(struct pump *pump)
{
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        serve_once(pump);
    }
}

/* What the agent has open is not this process's; only the socket for clients is. */
static int keep_only(int fd)
{
    if (fd != 3 && (dup2(fd, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)) {
        return -1;
    }
    return syscall(SYS_close_range, 4, ~0U, 0) < 0 ? -1 : 3;
}

static void __attribute__((noreturn)) become_pump(int listener)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    prctl(PR_SET_NAME, PUMP_NAME);
    listener = keep_only(listener);
    struct pump *pump = listener < 0 || chdir("/") < 0 ? NULL : pump_new(listener);
    if (pump == NULL || (pump->port = open_port(PORT_NAME)) < 0) {
        _exit(1);
    }
    run(pump);
}

int pump_start(void)
{
    int listener = listen_for_clients();
    if (listener < 0) {
        return errno == EADDRINUSE ? 0 : errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become_pump(listener);
    }
    int error = errno;
    close(listener);
    return pid < 0 ? error : 0;
}

int pump_serve_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = listen_for_clients();
    struct pump *pump = listener < 0 ? NULL : pump_new(listener);
    if (pump == NULL || strlen(path) >= sizeof address.sun_path) {
        return 1;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    pump->port_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(pump->port_listener, (const struct sockaddr *)&address, sizeof address) < 0 || listen(pump->port_listener, 1) < 0) {
        return 1;
    }
    run(pump);
}
