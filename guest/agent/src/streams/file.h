/* Files to and from the host: OPEN_WRITE, whole or not at all, and OPEN_READ. */
#ifndef FASTVM_FILE_H
#define FASTVM_FILE_H

#include "stream.h"

extern const struct stream_kind file_write_kind;
extern const struct stream_kind file_read_kind;

#endif
