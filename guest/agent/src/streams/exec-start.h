/* Brings a command to run with its pipes or its terminal, whoever reads them. */
#ifndef FASTVM_EXEC_START_H
#define FASTVM_EXEC_START_H

#include <stddef.h>
#include <sys/types.h>

#include "exec-ends.h"
#include "exec-request.h"
#include "system/account.h"

enum {
    EXIT_CANNOT_EXECUTE = 126,
    EXIT_NOT_FOUND = 127,
    /* After the main process: for those who share its pipes and are about to end, too. */
    DRAIN_MS = 100,
};

/*
 * The pid, with our ends open and not blocking, and `terminal` the command's side of its terminal, or -1. It is held open until the command ends:
 * with none open, ours would report an error for good. A negative errno, with nothing left open and `culprit` what it is about.
 */
pid_t exec_start(const struct exec_request *request, const struct account *account, struct exec_ends *ends,
                 int *terminal, const char **culprit);

/* What shells answer for a command that cannot be started. */
int exit_code_of_failure(int error);
/* 128 + n when signal n ended it. */
int exit_code_of_status(int status);

/* What a pipe or terminal holds. */
size_t waiting_bytes(int fd);

#endif
