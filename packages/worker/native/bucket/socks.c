/* One connection: who it is for, whether that may be reached, and its bytes to and fro. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bucket.h"

enum { GRANTED = 0, FAILED = 1, NOT_ALLOWED = 2, UNREACHABLE = 4, REFUSED = 5, NO_SUCH_COMMAND = 7 };
enum { IPV4 = 1, NAME = 3, IPV6 = 4 };

#define DIAL_MS 10000
/* Tools keep connections for later; one on which nothing was said for so long is forgotten. */
#define SILENCE_MS 300000
#define BUFFER 65536

static bool take(int fd, void *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        ssize_t got = read(fd, (char *)bytes + done, count - done);
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

static bool give(int fd, const void *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        ssize_t put = write(fd, (const char *)bytes + done, count - done);
        if (put <= 0) {
            return false;
        }
        done += (size_t)put;
    }
    return true;
}

static bool greet(int client)
{
    uint8_t head[2];
    uint8_t methods[255];
    if (!take(client, head, sizeof head) || head[0] != 5 || !take(client, methods, head[1])) {
        return false;
    }
    bool is_offered = memchr(methods, 0, head[1]) != NULL;
    const uint8_t chosen[] = {5, is_offered ? 0 : 0xff};
    return give(client, chosen, sizeof chosen) && is_offered;
}

static void answer(int client, uint8_t code)
{
    const uint8_t said[] = {5, code, 0, IPV4, 0, 0, 0, 0, 0, 0};
    (void)give(client, said, sizeof said);
}

/* Whom the client wants, as text. */
static bool read_target(int client, uint8_t kind, char *host, char *port)
{
    uint8_t bytes[256];
    uint8_t length;
    uint16_t number;
    if (kind == NAME) {
        if (!take(client, &length, 1) || length == 0 || !take(client, bytes, length) || memchr(bytes, 0, length) != NULL) {
            return false;
        }
        memcpy(host, bytes, length);
        host[length] = '\0';
    } else {
        int family = kind == IPV4 ? AF_INET : AF_INET6;
        if (!take(client, bytes, kind == IPV4 ? 4 : 16) || inet_ntop(family, bytes, host, INET6_ADDRSTRLEN) == NULL) {
            return false;
        }
    }
    if (!take(client, &number, sizeof number)) {
        return false;
    }
    sprintf(port, "%u", ntohs(number));
    return true;
}

static int dial(const struct addrinfo *found)
{
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    struct pollfd waited = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    bool is_begun = connect(fd, found->ai_addr, found->ai_addrlen) == 0 || errno == EINPROGRESS;
    if (is_begun && poll(&waited, 1, DIAL_MS) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) {
        fcntl(fd, F_SETFL, 0);
        return fd;
    }
    close(fd);
    return -1;
}

/* The addresses are looked up once, judged, and are the very ones that are connected to. */
static int reach(const char *host, const char *port, uint8_t *code)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all;
    *code = UNREACHABLE;
    if (getaddrinfo(host, port, &hints, &all) != 0) {
        return -1;
    }
    int fd = -1;
    *code = NOT_ALLOWED;
    for (struct addrinfo *at = all; at != NULL && fd < 0; at = at->ai_next) {
        if (is_guarded(at->ai_addr)) {
            continue;
        }
        fd = dial(at);
        *code = fd < 0 ? REFUSED : GRANTED;
    }
    freeaddrinfo(all);
    if (*code == NOT_ALLOWED) {
        fprintf(stderr, "fastvm-bucket: %s is in a guarded network\n", host);
    }
    return fd;
}

/* What one side says to the other, in one turn; false: that is over. */
static bool pass(struct pollfd *from, int to, char *buffer)
{
    ssize_t got = read(from->fd, buffer, BUFFER);
    if (got > 0) {
        return give(to, buffer, (size_t)got);
    }
    shutdown(to, SHUT_WR);
    from->fd = -1;
    return got == 0;
}

static void relay(int client, int server)
{
    static char buffer[BUFFER];
    struct pollfd both[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    while (both[0].fd >= 0 || both[1].fd >= 0) {
        if (poll(both, 2, SILENCE_MS) <= 0) {
            return;
        }
        if (both[0].revents != 0 && !pass(&both[0], server, buffer)) {
            return;
        }
        if (both[1].revents != 0 && !pass(&both[1], client, buffer)) {
            return;
        }
    }
}

void serve_client(int client)
{
    uint8_t request[4];
    char host[256];
    char port[8];
    if (!greet(client) || !take(client, request, sizeof request)) {
        return;
    }
    uint8_t kind = request[3];
    if (request[0] != 5 || request[1] != 1 || (kind != IPV4 && kind != NAME && kind != IPV6)) {
        answer(client, NO_SUCH_COMMAND);
        return;
    }
    if (!read_target(client, kind, host, port)) {
        answer(client, FAILED);
        return;
    }
    uint8_t code;
    int server = reach(host, port, &code);
    answer(client, code);
    if (server >= 0) {
        relay(client, server);
    }
}
