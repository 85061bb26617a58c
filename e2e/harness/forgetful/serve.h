/* Answers what the kernel asks of a mounted file system (/dev/fuse, linux/fuse.h). */
#ifndef SERVE_H
#define SERVE_H

#include <signal.h>

#include "names.h"

/* Until it is unmounted; once `is_cut` is true everything fails. 0, or an error number. */
int serve(int device, int home, struct inode *root, const volatile sig_atomic_t *is_cut);

#endif
