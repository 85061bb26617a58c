/* A network namespace, with a TAP device of it open: the program need not, and on many hosts may not, open /dev/net/tun itself. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>

#include "confine.h"

int enter_network(const struct options *options)
{
    int namespace = open(options->network, O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0) {
        return fail(options->network);
    }
    close(namespace);
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return fail("/dev/net/tun");
    }
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", options->tap);
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        return fail(options->tap);
    }
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        return fail(options->tap);
    }
    /* dup2 leaves close-on-exec off, but does nothing where both are one. */
    if (fd == options->tap_descriptor) {
        return fcntl(fd, F_SETFD, 0) < 0 ? fail("descriptor") : 0;
    }
    if (dup2(fd, options->tap_descriptor) < 0) {
        return fail("descriptor");
    }
    close(fd);
    return 0;
}
