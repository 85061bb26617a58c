/* Connections that programs of the guest make to some addresses of its own are carried to the host. */
#ifndef FASTVM_FORWARD_H
#define FASTVM_FORWARD_H

#include <stdint.h>

struct agent;

/* Connections to this numeric address are carried to the host; it becomes the guest's own first, unless it is a loopback's. 0 or an errno. */
int forward_open(struct agent *agent, const char *host, uint16_t port);
/* Of those at 127.0.0.1 the one at this port stays alone: the others were the captured VM's, and its host's. */
void forwards_keep(struct agent *agent, uint16_t port);
void forwards_resume(struct agent *agent);
void forwards_close(struct agent *agent);

#endif
