/* The guest's network interface, as every VM has it unless its host says otherwise. */
#ifndef FASTVM_INTERFACE_H
#define FASTVM_INTERFACE_H

#define NETWORK_INTERFACE "eth0"
#define NETWORK_ADDRESS "192.0.0.2"
#define NETWORK_NETMASK "255.255.255.248"
#define NETWORK_GATEWAY "192.0.0.1"
#define NETWORK_ADDRESS6 "fd66:6173:7476:6d::2"
#define NETWORK_GATEWAY6 "fd66:6173:7476:6d::1"

enum { NETWORK_PREFIX6 = 64 };

#endif
