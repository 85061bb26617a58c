/* Addresses as the host writes them, and how one of another machine becomes this one's: on the loopback, for nobody else to see. */
#include "local-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

/* A header and an attribute for each of the two names that the kernel has for it. */
struct address_request {
    struct nlmsghdr header;
    struct ifaddrmsg address;
    uint8_t attributes[2 * RTA_SPACE(sizeof(struct in6_addr))];
};

socklen_t parse_address(union address *address, const char *text, uint16_t port)
{
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return sizeof address->v4;
    }
    if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        return sizeof address->v6;
    }
    return 0;
}

bool is_loopback(const union address *address)
{
    return address->any.sa_family == AF_INET ? ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                             : IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

static void add_attribute(struct address_request *request, unsigned short type, const void *value, size_t size)
{
    struct rtattr *attribute = (struct rtattr *)((uint8_t *)request + request->header.nlmsg_len);
    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    memcpy(RTA_DATA(attribute), value, size);
    request->header.nlmsg_len += (uint32_t)RTA_ALIGN(attribute->rta_len);
}

/* The kernel answers before it returns from the request. */
static int ask_kernel(const struct nlmsghdr *header)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr result;
        uint8_t details[256];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) {
        return errno;
    }
    int error = send(fd, header, header->nlmsg_len, 0) < 0 ? errno : 0;
    if (error == 0) {
        ssize_t bytes = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
        bool whole = bytes >= (ssize_t)(sizeof answer.header + sizeof answer.result.error) && answer.header.nlmsg_type == NLMSG_ERROR;
        error = bytes < 0 ? errno : whole ? -answer.result.error : EPROTO;
    }
    close(fd);
    return error;
}

int add_local_address(const union address *address)
{
    bool v4 = address->any.sa_family == AF_INET;
    const void *value = v4 ? (const void *)&address->v4.sin_addr : &address->v6.sin6_addr;
    size_t size = v4 ? sizeof address->v4.sin_addr : sizeof address->v6.sin6_addr;
    struct address_request request = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof request.address),
                   .nlmsg_type = RTM_NEWADDR,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL},
        /* With the scope of this machine it is never chosen as the source of what goes elsewhere. */
        .address = {.ifa_family = (uint8_t)address->any.sa_family,
                    .ifa_prefixlen = (uint8_t)(size * 8),
                    .ifa_flags = IFA_F_PERMANENT | IFA_F_NODAD,
                    .ifa_scope = RT_SCOPE_HOST,
                    .ifa_index = if_nametoindex("lo")},
    };
    add_attribute(&request, IFA_LOCAL, value, size);
    add_attribute(&request, IFA_ADDRESS, value, size);
    int error = ask_kernel(&request.header);
    return error == EEXIST ? 0 : error;
}
