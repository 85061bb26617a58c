/* Commands: OPEN_EXEC. One lives until its main process has ended and what its pipes held then is with the host. */
#ifndef FASTVM_EXEC_H
#define FASTVM_EXEC_H

#include "stream.h"

extern const struct stream_kind exec_kind;

#endif
