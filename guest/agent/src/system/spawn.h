/* Starts a command. Everything that needs memory or files is prepared before; between vfork and exec only system calls are made. */
#ifndef FASTVM_SPAWN_H
#define FASTVM_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "account.h"
#include "limits.h"

struct spawn_request {
    char **argv;
    char **env;
    const char *cwd;
    const struct account *account;
    int stdin_fd;
    int stdout_fd;
    int stderr_fd;
    /* Standard input is a terminal that becomes the session's own. */
    bool controls_terminal;
    /* Beyond those of the root; NULL: none. */
    const struct limits *limits;
    bool is_restricted;
};

/* The pid, or a negative errno, with `culprit` set to what it is about where that is not the command. The command leads a session and a process group. */
pid_t spawn(const struct spawn_request *request, const char **culprit);

/*
 * A child that does work of the agent's own, which may take long or stand still: it writes to `output` and ends with the errno that `work` returns, or 0. It dies
 * with the agent. The pid, or a negative errno.
 */
pid_t spawn_work(const struct account *account, int output, int (*work)(const void *, int), const void *request);

#endif
