/* What a command may not that root may elsewhere. */
#ifndef FASTVM_RESTRICT_H
#define FASTVM_RESTRICT_H

/* Of the calling process and all that it starts: no new privileges, and no CAP_SYS_ADMIN. By system calls alone: 0 or an errno. */
int restrict_self(void);

#endif
