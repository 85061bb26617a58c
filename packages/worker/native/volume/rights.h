/* What the server gives up for good before it reads the first byte of a guest. */
#ifndef VOLUME_RIGHTS_H
#define VOLUME_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

/* Namespaces, root, user, capabilities, limits. 0 or -1 with what failed on standard error. */
int give_up_rights(uid_t user, bool keeps_owner);
/* All system calls but those it needs. */
int deny_system_calls(void);

#endif
