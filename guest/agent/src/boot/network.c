/*
 * The guest's addresses. Every VM has the same, since a namespace on the host stands between it and the others: so a clone needs no new ones, whatever
 * image it runs and whether that has tools for it or not. packages/worker/src/network/addresses.ts has the other side.
 */
#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/interface.h"

enum { METRIC = 1 };

static void complain(const char *what)
{
    dprintf(2, "fastvm-agent: network: %s: %s\n", what, strerror(errno));
}

static void bring_up(int fd, const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
        complain(name);
    }
}

static void set_address(int fd, unsigned long operation, const char *text)
{
    struct ifreq request = {.ifr_name = NETWORK_INTERFACE};
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &address.sin_addr);
    memcpy(&request.ifr_addr, &address, sizeof address);
    if (ioctl(fd, operation, &request) < 0) {
        complain(text);
    }
}

static void add_default_route(int fd)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = (char *)NETWORK_INTERFACE};
    struct sockaddr_in any = {.sin_family = AF_INET};
    struct sockaddr_in gateway = any;
    inet_pton(AF_INET, NETWORK_GATEWAY, &gateway.sin_addr);
    memcpy(&route.rt_dst, &any, sizeof any);
    memcpy(&route.rt_genmask, &any, sizeof any);
    memcpy(&route.rt_gateway, &gateway, sizeof gateway);
    if (ioctl(fd, SIOCADDRT, &route) < 0) {
        complain("route");
    }
}

/* One guest on a wire of its own: nobody has its address already, and no router would tell it of another. */
static void expect_no_neighbours(void)
{
    static const char *const settings[] = {"accept_dad", "dad_transmits", "accept_ra", "router_solicitations", "autoconf"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        char path[96];
        snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/" NETWORK_INTERFACE "/%s", settings[i]);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1) {
            complain(path);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
}

static void configure_ipv6(int index)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return; /* A kernel without IPv6. */
    }
    struct in6_ifreq address = {.ifr6_prefixlen = NETWORK_PREFIX6, .ifr6_ifindex = index};
    inet_pton(AF_INET6, NETWORK_ADDRESS6, &address.ifr6_addr);
    if (ioctl(fd, SIOCSIFADDR, &address) < 0) {
        complain(NETWORK_ADDRESS6);
    }
    struct in6_rtmsg route = {.rtmsg_flags = RTF_UP | RTF_GATEWAY, .rtmsg_metric = METRIC, .rtmsg_ifindex = index};
    inet_pton(AF_INET6, NETWORK_GATEWAY6, &route.rtmsg_gateway);
    if (ioctl(fd, SIOCADDRT, &route) < 0) {
        complain("route of IPv6");
    }
    close(fd);
}

void configure_network(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    bring_up(fd, "lo");
    struct ifreq request = {.ifr_name = NETWORK_INTERFACE};
    if (ioctl(fd, SIOCGIFINDEX, &request) == 0) {
        int index = request.ifr_ifindex;
        set_address(fd, SIOCSIFADDR, NETWORK_ADDRESS);
        set_address(fd, SIOCSIFNETMASK, NETWORK_NETMASK);
        expect_no_neighbours();
        bring_up(fd, NETWORK_INTERFACE);
        add_default_route(fd);
        configure_ipv6(index);
    }
    close(fd);
}
