/* A network with nothing in it but its loopback. */
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bucket.h"

/* A tool opens as many connections at once as it transfers files, twenty or so. */
#define BACKLOG 64

static int raise_loopback(int fd)
{
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, "lo");
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
        return -1;
    }
    request.ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

int listen_in_new_network(void)
{
    if (unshare(CLONE_NEWNET) < 0) {
        fail("a network of its own");
        return -1;
    }
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons(PROXY_PORT),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || raise_loopback(fd) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0) {
        fail("listener");
        return -1;
    }
    return fd;
}
