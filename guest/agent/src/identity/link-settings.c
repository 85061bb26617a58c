#include "link-settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/interface.h"

/* Room for the gateway's beside it, as addresses of the host's choice have it. */
#define OTHER_NETMASK "255.255.255.252"

static int ask(int fd, unsigned long operation, void *request)
{
    return ioctl(fd, operation, request) < 0 ? errno : 0;
}

static struct ifreq interface(void)
{
    return (struct ifreq){.ifr_name = NETWORK_INTERFACE};
}

static int set_mtu(int fd, uint32_t mtu)
{
    struct ifreq request = interface();
    int error = ask(fd, SIOCGIFMTU, &request);
    if (error != 0 || request.ifr_mtu == (int)mtu) {
        return error;
    }
    request.ifr_mtu = (int)mtu;
    return ask(fd, SIOCSIFMTU, &request);
}

static int set_mac(int fd, const uint8_t mac[6])
{
    struct ifreq request = interface();
    int error = ask(fd, SIOCGIFHWADDR, &request);
    if (error != 0 || memcmp(request.ifr_hwaddr.sa_data, mac, 6) == 0) {
        return error;
    }
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, mac, 6);
    return ask(fd, SIOCSIFHWADDR, &request);
}

static struct sockaddr_in ipv4_of(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &address.sin_addr);
    return address;
}

static int add_route(int fd, const struct sockaddr_in *to, const struct sockaddr_in *gateway)
{
    struct rtentry route = {.rt_flags = gateway == NULL ? RTF_UP | RTF_HOST : RTF_UP | RTF_GATEWAY, .rt_dev = (char *)NETWORK_INTERFACE};
    struct sockaddr_in any = {.sin_family = AF_INET};
    memcpy(&route.rt_dst, to, sizeof *to);
    memcpy(&route.rt_genmask, &any, sizeof any);
    if (gateway != NULL) {
        memcpy(&route.rt_gateway, gateway, sizeof *gateway);
    }
    int error = ask(fd, SIOCADDRT, &route);
    return error == EEXIST ? 0 : error;
}

/* With its address the kernel takes the interface's routes. */
static int set_ipv4(int fd, const uint8_t bytes[4])
{
    struct ifreq request = interface();
    struct sockaddr_in address;
    int error = ask(fd, SIOCGIFADDR, &request);
    memcpy(&address, &request.ifr_addr, sizeof address);
    if (error == 0 && memcmp(&address.sin_addr, bytes, 4) == 0) {
        return 0;
    }
    address = (struct sockaddr_in){.sin_family = AF_INET};
    memcpy(&address.sin_addr, bytes, 4);
    bool is_usual = address.sin_addr.s_addr == ipv4_of(NETWORK_ADDRESS).sin_addr.s_addr;
    const struct sockaddr_in netmask = ipv4_of(is_usual ? NETWORK_NETMASK : OTHER_NETMASK);
    const struct sockaddr_in gateway = ipv4_of(NETWORK_GATEWAY), any = {.sin_family = AF_INET};
    request = interface();
    memcpy(&request.ifr_addr, &address, sizeof address);
    error = ask(fd, SIOCSIFADDR, &request);
    request = interface();
    memcpy(&request.ifr_addr, &netmask, sizeof netmask);
    error = error != 0 ? error : ask(fd, SIOCSIFNETMASK, &request);
    error = error != 0 ? error : add_route(fd, &gateway, NULL);
    return error != 0 ? error : add_route(fd, &any, &gateway);
}

static int add_route6(int fd, int index, const char *to, const char *gateway)
{
    struct in6_rtmsg route = {.rtmsg_flags = RTF_UP | (gateway != NULL ? RTF_GATEWAY : 0), .rtmsg_metric = 1, .rtmsg_ifindex = index};
    if (to != NULL) {
        inet_pton(AF_INET6, to, &route.rtmsg_dst);
        route.rtmsg_dst_len = 128;
    }
    if (gateway != NULL) {
        inet_pton(AF_INET6, gateway, &route.rtmsg_gateway);
    }
    int error = ask(fd, SIOCADDRT, &route);
    return error == EEXIST ? 0 : error;
}

static int set_ipv6(int index, const uint8_t bytes[16])
{
    /* Of this agent, which is captured with its guest. */
    static struct in6_addr now;
    struct in6_ifreq request = {.ifr6_prefixlen = NETWORK_PREFIX6, .ifr6_ifindex = index};
    if (IN6_IS_ADDR_UNSPECIFIED(&now)) {
        inet_pton(AF_INET6, NETWORK_ADDRESS6, &now);
    }
    if (memcmp(&now, bytes, sizeof now) == 0) {
        return 0;
    }
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return 0; /* A kernel without IPv6. */
    }
    request.ifr6_addr = now;
    ask(fd, SIOCDIFADDR, &request);
    memcpy(&request.ifr6_addr, bytes, sizeof now);
    int error = ask(fd, SIOCSIFADDR, &request);
    error = error == EEXIST ? 0 : error;
    error = error != 0 ? error : add_route6(fd, index, NETWORK_GATEWAY6, NULL);
    error = error != 0 ? error : add_route6(fd, index, NULL, NETWORK_GATEWAY6);
    if (error == 0) {
        memcpy(&now, bytes, sizeof now);
    }
    close(fd);
    return error;
}

/* The interface is its owner's: that it is down, has IPv6 forbidden or is gone is no reason to refuse the VM. */
static int unless_owners(int error)
{
    switch (error) {
    case ENETDOWN:
    case ENETUNREACH:
    case EACCES:
    case EPERM:
    case ENODEV:
        return 0;
    default:
        return error;
    }
}

int link_settings_apply(const struct link_settings *wanted)
{
    /* Of this agent, which is captured with its guest. */
    static bool was_own;
    if (wanted->is_own == 0 && !was_own) {
        return 0;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    was_own = wanted->is_own != 0;
    struct ifreq request = interface();
    int error = 0;
    if (ask(fd, SIOCGIFINDEX, &request) == 0) {
        int index = request.ifr_ifindex;
        error = unless_owners(set_mtu(fd, wanted->mtu));
        error = error != 0 ? error : unless_owners(set_mac(fd, wanted->mac));
        error = error != 0 ? error : unless_owners(set_ipv4(fd, wanted->ipv4));
        error = error != 0 ? error : unless_owners(set_ipv6(index, wanted->ipv6));
    }
    close(fd);
    return error;
}
