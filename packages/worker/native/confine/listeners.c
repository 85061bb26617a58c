/*
 * Listeners for connections that the kernel leads here although they were made to somebody else's address: only who may change the host's
 * networks may open one, and the program may not.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "confine.h"

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

static int open_listener(bool is_ipv6, int wanted)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int on = 1;
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fail("listener");
    }
    if (is_ipv6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof on) < 0 ||
                      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0
                : setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) < 0) {
        return fail("transparent listener");
    }
    const struct sockaddr *address = is_ipv6 ? (struct sockaddr *)&ipv6 : (struct sockaddr *)&ipv4;
    if (bind(fd, address, is_ipv6 ? sizeof ipv6 : sizeof ipv4) < 0) {
        return fail("listener's address");
    }
    if (fd == wanted) {
        return 0;
    }
    if (dup2(fd, wanted) < 0) {
        return fail("listener's descriptor");
    }
    close(fd);
    return 0;
}

int open_listeners(const struct options *options)
{
    if (open_listener(false, LISTENER) != 0) {
        return 1;
    }
    return options->listens_ipv6 ? open_listener(true, LISTENER + 1) : 0;
}
