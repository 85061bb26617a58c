/* Output of processes that outlive their command: read and thrown away, so that they are not killed by a closed pipe. */
#ifndef FASTVM_LEFTOVERS_H
#define FASTVM_LEFTOVERS_H

struct agent;

void leftovers_init(struct agent *agent);
/* Takes the descriptor over. With MAX_LEFTOVERS of them, the oldest gives way. */
void leftover_add(struct agent *agent, int fd);
void leftovers_close(struct agent *agent);

#endif
