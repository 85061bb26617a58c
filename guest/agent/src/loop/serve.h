/* The loop: waits, reads the port, moves streams along. One thread; nothing in it waits for anything but epoll. */
#ifndef FASTVM_SERVE_H
#define FASTVM_SERVE_H

#include <stdbool.h>

struct agent;

struct agent *agent_new(int fd);
/* Serves until the port is gone; development mode only. The real port is never gone for good. */
void agent_serve(struct agent *agent, bool port_returns);
/* Goes on with another connection: streams of before live until its HELLO decides over them. */
void agent_reconnect(struct agent *agent, int fd);
void agent_disconnect(struct agent *agent);
void agent_free(struct agent *agent);

#endif
