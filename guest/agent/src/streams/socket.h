/* TCP between the host and the guest: dialled by the host, OPEN_DIAL, or accepted in the guest (forward.c) and carried to the host. */
#ifndef FASTVM_SOCKET_H
#define FASTVM_SOCKET_H

#include "stream.h"

extern const struct stream_kind socket_kind;

/* Makes a stream of a connection that was accepted; closes it and returns false when there is no room. */
bool socket_accepted(struct agent *agent, uint32_t id, int fd);

#endif
