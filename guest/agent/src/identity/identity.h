/* Makes a restored guest somebody of its own: what it is told here no other clone of its snapshot is told. */
#ifndef FASTVM_IDENTITY_H
#define FASTVM_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

struct agent;

/* IDENTITY: does what its fields say, in their order, and answers. `request` is NULL when it was too large. */
void identity_apply(struct agent *agent, const uint8_t *request, size_t length);

#endif
