/* Process 1 for images that have no init of their own. */
#ifndef FASTVM_MINIMAL_INIT_H
#define FASTVM_MINIMAL_INIT_H

#include <sys/types.h>

/*
 * Mounts what programs expect, after which it closes until_mounted; reaps orphans, ends the VM when asked to: all processes first, but for the agent,
 * which serves to the last.
 */
void __attribute__((noreturn)) minimal_init(pid_t agent, int until_mounted);

void __attribute__((noreturn)) power_off(void);

#endif
