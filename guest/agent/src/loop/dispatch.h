/* What each frame of the host means. */
#ifndef FASTVM_DISPATCH_H
#define FASTVM_DISPATCH_H

#include "link/protocol.h"

struct agent;

void dispatch(struct agent *agent, const struct frame *frame);

#endif
