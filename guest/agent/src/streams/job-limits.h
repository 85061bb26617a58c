/* How many jobs there may be, and how much is kept of each. */
#ifndef FASTVM_JOB_LIMITS_H
#define FASTVM_JOB_LIMITS_H

enum {
    /* Ended ones included, of which the oldest gives way to a new one. */
    MAX_JOBS = 128,
    MAX_JOB_ID_BYTES = 64,
    DEFAULT_RING_BYTES = 1024 * 1024,
    MAX_RING_BYTES = 16 * 1024 * 1024,
    /* Of all rings together: an agent must not be what fills its guest. */
    ALL_RINGS_BYTES = 64 * 1024 * 1024,
    /* What is told of a command: as much of its arguments as is worth showing. */
    MAX_SHOWN_BYTES = 8192,
    MAX_JOB_TEXT_BYTES = 512,
};

#endif
