/*
 * Starts a program in a network namespace, with a TAP device of that namespace open, as an ordinary user:
 *
 *   enter-network <namespace> <tap> <descriptor> <user id> <program> [argument…]
 *
 * The program gets the device as that descriptor and the group of the same number. It need not, and on many hosts may not, open /dev/net/tun itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "enter-network: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: enter-network <namespace> <tap> <descriptor> <user id> <program> [argument...]\n");
        return 2;
    }
    const char *tap = argv[2];
    int target = atoi(argv[3]);
    uid_t user = (uid_t)strtoul(argv[4], NULL, 10);
    int namespace = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0) {
        return fail(argv[1]);
    }
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return fail("/dev/net/tun");
    }
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", tap);
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        return fail(tap);
    }
    /* dup2 leaves close-on-exec off. */
    if (dup2(fd, target) < 0 || fcntl(target, F_SETFL, O_NONBLOCK) < 0) {
        return fail("descriptor");
    }
    if (setgroups(0, NULL) < 0 || setgid(user) < 0 || setuid(user) < 0) {
        return fail("user");
    }
    execvp(argv[5], argv + 5);
    return fail(argv[5]);
}
