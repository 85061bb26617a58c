/* The one clock that deadlines and durations are read from: nobody can set it. */
#ifndef FASTVM_CLOCK_H
#define FASTVM_CLOCK_H

#include <stdint.h>

uint64_t monotonic_ns(void);

#endif
