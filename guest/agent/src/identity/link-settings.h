/* What the host wants the guest's network interface to be, at each start: it may be that of a captured guest whose was another. */
#ifndef FASTVM_LINK_SETTINGS_H
#define FASTVM_LINK_SETTINGS_H

#include <stdint.h>

/* As the host sends it; addresses in network order. */
struct __attribute__((packed)) link_settings {
    uint32_t mtu;
    uint8_t mac[6];
    /* 0: as every VM has it. Then nothing is changed unless it was by an earlier host's wish: what a guest's owner set stays. */
    uint16_t is_own;
    uint8_t ipv4[4];
    uint8_t ipv6[16];
};

/* Changes what differs. 0, also where there is no interface or its owner's settings forbid some of it, or an errno. */
int link_settings_apply(const struct link_settings *wanted);

#endif
