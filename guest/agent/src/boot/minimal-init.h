/* Process 1 for images that have no init of their own. */
#ifndef FASTVM_MINIMAL_INIT_H
#define FASTVM_MINIMAL_INIT_H

/* Mounts what programs expect, reaps orphans, ends the VM when asked to. */
void __attribute__((noreturn)) minimal_init(void);

void __attribute__((noreturn)) power_off(void);

#endif
