/* Answers what the kernel asks of a mounted file system (/dev/fuse, linux/fuse.h). */
#ifndef SERVE_H
#define SERVE_H

#include <signal.h>

#include "names.h"

/* Set by signals. */
struct power {
    /* Everything fails. */
    volatile sig_atomic_t is_cut;
    /* After a cut: it need not wait to be unmounted. */
    volatile sig_atomic_t is_back;
};

/* Until it is unmounted or the power is back. Signals say so: the cut at any time, the power's return while nothing is asked. 0, or an error number. */
int serve(int device, int home, struct inode *root, const struct power *power);

#endif
