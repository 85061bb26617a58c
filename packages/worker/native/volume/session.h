/* How a session with the agent begins, and what its frames mean. */
#ifndef VOLUME_SESSION_H
#define VOLUME_SESSION_H

#include <stddef.h>
#include <stdint.h>

struct server;
struct port;

/* Sends what begins one, or once more. */
void session_greet(struct server *server);
/* Both are given what was read and return how much of it is used; 0: more is needed. */
size_t session_find_welcome(struct server *server, const uint8_t *bytes, size_t length);
size_t session_take_frame(struct server *server, const uint8_t *bytes, size_t length);

/* For these: the parts of port.c. */
void port_drop_received(struct port *port, uint64_t received);
uint8_t *port_space(struct port *port, size_t bytes);
void port_send(struct port *port, uint8_t kind, uint16_t channel, uint64_t number, const void *bytes, size_t length);
uint64_t port_next_number(struct port *port);

#endif
