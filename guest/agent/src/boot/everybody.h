#ifndef FASTVM_EVERYBODY_H
#define FASTVM_EVERYBODY_H

#include <sys/types.h>

/* Asks all programs but this one and the agent to end, gives them some seconds, and ends those that are left. */
void end_everybody(pid_t agent);

#endif
