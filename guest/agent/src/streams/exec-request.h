/* What OPEN_EXEC asks for. */
#ifndef FASTVM_EXEC_REQUEST_H
#define FASTVM_EXEC_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "system/account.h"
#include "system/limits.h"

/* Both lists end with NULL. */
struct exec_request {
    char **argv;
    size_t argc;
    char **env;
    size_t envc;
    char *cwd;
    /* In place of the cwd that is not given, if it is there. */
    char *workdir;
    char *user;
    bool pty;
    struct winsize size;
    bool stdin_open;
    struct limits limits;
    bool is_restricted;
    bool tells_process;
};

/* False for one that is broken or names no command. To be freed in either case. */
bool exec_request_parse(struct exec_request *request, const uint8_t *bytes, size_t length);

/* Adds what an account sets and the request does not. False when memory is short. */
bool exec_request_add_account(struct exec_request *request, const struct account *account);

void exec_request_free(struct exec_request *request);

#endif
