/*
 * The newest output of a job: what both of its streams wrote, in the order in which it was read, in bounded memory. A byte's place in all the output
 * that there ever was is its offset; readers come and go by offsets, and are told where they are when what they asked for is gone.
 *
 *   tail                                          head
 *   | u32 length, channel | bytes | u32 … | bytes |       the oldest records give way whole
 */
#ifndef FASTVM_RING_H
#define FASTVM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* What is appended at once, at most. */
    RING_PIECE_BYTES = 16 * 1024,
    RING_MAX_RECORD_BYTES = 2 * RING_PIECE_BYTES,
    /* Room for a record, a piece and their heads: a record that is still written to is never the one that gives way. */
    RING_MIN_BYTES = 64 * 1024,
};

struct ring {
    uint8_t *bytes;
    /* A power of two; it doubles as output comes, up to `max`. */
    size_t capacity;
    size_t max;
    /* Memory that all rings may still take together. */
    size_t *budget;
    /* In storage. */
    uint64_t tail;
    uint64_t head;
    uint64_t last_record;
    /* In output. */
    uint64_t tail_offset;
    uint64_t head_offset;
};

struct ring_cursor {
    uint64_t record;
    size_t within;
    uint64_t offset;
};

/* `max` is rounded to a power of two of at least RING_MIN_BYTES. */
void ring_init(struct ring *ring, size_t max, size_t *budget);
void ring_free(struct ring *ring);

/* At most RING_PIECE_BYTES. Without memory the bytes are counted, and lost. */
void ring_append(struct ring *ring, uint8_t channel, const uint8_t *bytes, size_t length);

/* To that offset, or to what is nearest to it. */
struct ring_cursor ring_seek(const struct ring *ring, uint64_t offset);

/* True when output before the cursor's next byte was lost; the cursor then is where it goes on. */
bool ring_catch_up(const struct ring *ring, struct ring_cursor *cursor);

/* The next bytes of one channel; 0 when there are none. After ring_catch_up only. */
size_t ring_read(const struct ring *ring, struct ring_cursor *cursor, uint8_t *channel, uint8_t *space, size_t room);

#endif
