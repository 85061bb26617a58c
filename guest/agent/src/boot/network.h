#ifndef FASTVM_NETWORK_H
#define FASTVM_NETWORK_H

/* Gives the loopback and, if there is one, the network interface their addresses. Says on the console what fails, and goes on. */
void configure_network(void);

#endif
