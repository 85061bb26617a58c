/* The pipes or the terminal between the agent and a command. */
#ifndef FASTVM_EXEC_ENDS_H
#define FASTVM_EXEC_ENDS_H

#include <stdbool.h>
#include <sys/ioctl.h>

/* Ours and the command's, in the order of its descriptors; -1 for what is not there. */
struct exec_ends {
    int ours[3];
    int theirs[3];
};

#define NO_ENDS ((struct exec_ends){{-1, -1, -1}, {-1, -1, -1}})

/* False with errno; what was opened is to be closed. */
bool open_pipes(struct exec_ends *ends, bool stdin_open);
bool open_terminal(struct exec_ends *ends, const struct winsize *size);

/* Either side of them. */
void close_ends(const int *ends);

#endif
