/* An attachment that gives its folder up for a moment, so that nothing of the host's file system is held: the guest's requests wait, frozen. */
#ifndef VOLUME_PARKED_H
#define VOLUME_PARKED_H

#include <stdbool.h>
#include <stdint.h>

struct attachment;
struct server;

/* Open files that would not be found again by their names: unlinked, or moved by somebody else. */
uint32_t parked_would_lose(const struct attachment *attachment);
/* Closes all that it has of its folder. What the guest knows of it stays, and goes on when a root is attached again; locks are taken anew then. */
void attachment_park(struct attachment *attachment);
/* It has a root again: what was open is so before anybody can take its name away. */
void attachment_unpark(struct attachment *attachment);
bool server_has_parked(const struct server *server);

#endif
