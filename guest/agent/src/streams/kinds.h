/* The kinds of stream that there are. A new one is a file with its table of functions, and its line here. */
#ifndef FASTVM_KINDS_H
#define FASTVM_KINDS_H

#include <stdint.h>

#include "stream.h"

/* The kind that this frame opens a stream of; NULL for every other frame. */
const struct stream_kind *kind_opened_by(uint8_t frame_kind);

#endif
