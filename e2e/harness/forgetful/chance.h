/* Numbers that are the same for the same seed (xorshift64*). */
#ifndef CHANCE_H
#define CHANCE_H

#include <stdint.h>

struct chance {
    uint64_t state;
};

static inline uint64_t chance_below(struct chance *chance, uint64_t bound)
{
    chance->state ^= chance->state >> 12;
    chance->state ^= chance->state << 25;
    chance->state ^= chance->state >> 27;
    return (chance->state * 0x2545f4914f6cdd1dULL >> 11) % bound;
}

#endif
