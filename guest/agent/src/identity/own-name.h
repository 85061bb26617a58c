/* The guest's own host name in /etc/hosts, where also programs without the C library's name services look it up. */
#ifndef OWN_NAME_H
#define OWN_NAME_H

#include <stddef.h>

/*
 * Writes to `result` the text of a hosts file in which one line of ours gives `name` an address, in place of the one for an earlier name, else at its end.
 * All other lines stay as they are. Returns the length, or 0 when it does not fit.
 */
size_t hosts_with_own_name(const char *hosts, size_t length, const char *name, char *result, size_t capacity);

/* Does that to /etc/hosts. 0 or an errno; a file that is too large for its owner to have written it by hand is left alone. */
int write_own_name(const char *name);

#endif
