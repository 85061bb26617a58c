#ifndef FASTVM_EARLY_INIT_H
#define FASTVM_EARLY_INIT_H

/* Process 1 of the initramfs: brings up the root, starts the agent, hands over. Does not return. */
void early_init(void);

#endif
