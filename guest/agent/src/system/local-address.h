#ifndef FASTVM_LOCAL_ADDRESS_H
#define FASTVM_LOCAL_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Numeric addresses only: a name would be resolved by code that may wait. The length, or 0. */
socklen_t parse_address(union address *address, const char *text, uint16_t port);

bool is_loopback(const union address *address);

/* Makes an address this machine's own, on its loopback. 0, also when it is there already, or an errno. */
int add_local_address(const union address *address);

#endif
