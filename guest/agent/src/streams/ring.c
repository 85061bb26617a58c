#include "ring.h"

#include <stdlib.h>
#include <string.h>

enum { RECORD_HEAD_BYTES = sizeof(uint32_t) };

#define CHANNEL_SHIFT 31
#define LENGTH_MASK 0x7fffffffu

void ring_init(struct ring *ring, size_t max, size_t *budget)
{
    *ring = (struct ring){.max = RING_MIN_BYTES, .budget = budget};
    while (ring->max * 2 <= max) {
        ring->max *= 2;
    }
}

void ring_free(struct ring *ring)
{
    free(ring->bytes);
    *ring->budget += ring->capacity;
    ring->bytes = NULL;
    ring->capacity = 0;
}

static void put(uint8_t *storage, size_t capacity, uint64_t at, const void *bytes, size_t length)
{
    size_t start = (size_t)(at & (capacity - 1));
    size_t first = length < capacity - start ? length : capacity - start;
    memcpy(storage + start, bytes, first);
    memcpy(storage, (const uint8_t *)bytes + first, length - first);
}

static void get(const struct ring *ring, uint64_t at, void *bytes, size_t length)
{
    size_t start = (size_t)(at & (ring->capacity - 1));
    size_t first = length < ring->capacity - start ? length : ring->capacity - start;
    memcpy(bytes, ring->bytes + start, first);
    memcpy((uint8_t *)bytes + first, ring->bytes, length - first);
}

static uint32_t head_of(const struct ring *ring, uint64_t record)
{
    uint32_t head;
    get(ring, record, &head, sizeof head);
    return head;
}

static size_t length_of(const struct ring *ring, uint64_t record)
{
    return head_of(ring, record) & LENGTH_MASK;
}

static bool grow(struct ring *ring)
{
    size_t capacity = ring->capacity == 0 ? RING_MIN_BYTES : ring->capacity * 2;
    size_t more = capacity - ring->capacity;
    uint8_t *bytes = capacity > ring->max || more > *ring->budget ? NULL : malloc(capacity);
    if (bytes == NULL) {
        return false;
    }
    uint8_t piece[4096];
    for (uint64_t at = ring->tail; at < ring->head;) {
        size_t length = ring->head - at < sizeof piece ? (size_t)(ring->head - at) : sizeof piece;
        get(ring, at, piece, length);
        put(bytes, capacity, at, piece, length);
        at += length;
    }
    free(ring->bytes);
    *ring->budget -= more;
    ring->bytes = bytes;
    ring->capacity = capacity;
    return true;
}

static void make_room(struct ring *ring, size_t needed)
{
    while (ring->head - ring->tail + needed > ring->capacity) {
        if (!grow(ring)) {
            size_t length = length_of(ring, ring->tail);
            ring->tail += RECORD_HEAD_BYTES + length;
            ring->tail_offset += length;
        }
    }
}

static bool continues_last(const struct ring *ring, uint8_t channel, size_t length)
{
    if (ring->head == ring->tail) {
        return false;
    }
    uint32_t head = head_of(ring, ring->last_record);
    return head >> CHANNEL_SHIFT == channel && (head & LENGTH_MASK) + length <= RING_MAX_RECORD_BYTES;
}

void ring_append(struct ring *ring, uint8_t channel, const uint8_t *bytes, size_t length)
{
    if (ring->capacity == 0 && !grow(ring)) {
        ring->head_offset += length;
        ring->tail_offset = ring->head_offset;
        return;
    }
    bool continued = continues_last(ring, channel, length);
    make_room(ring, length + (continued ? 0 : RECORD_HEAD_BYTES));
    uint32_t before = 0;
    if (continued) {
        before = (uint32_t)length_of(ring, ring->last_record);
    } else {
        ring->last_record = ring->head;
        ring->head += RECORD_HEAD_BYTES;
    }
    uint32_t head = (before + (uint32_t)length) | (uint32_t)channel << CHANNEL_SHIFT;
    put(ring->bytes, ring->capacity, ring->last_record, &head, sizeof head);
    put(ring->bytes, ring->capacity, ring->head, bytes, length);
    ring->head += length;
    ring->head_offset += length;
}

struct ring_cursor ring_seek(const struct ring *ring, uint64_t offset)
{
    struct ring_cursor cursor = {ring->tail, 0, ring->tail_offset};
    while (cursor.record < ring->head && cursor.offset < offset) {
        size_t length = length_of(ring, cursor.record);
        if (cursor.offset + length >= offset || cursor.record == ring->last_record) {
            cursor.within = offset - cursor.offset < length ? (size_t)(offset - cursor.offset) : length;
            cursor.offset += cursor.within;
            break;
        }
        cursor.record += RECORD_HEAD_BYTES + length;
        cursor.offset += length;
    }
    return cursor;
}

bool ring_catch_up(const struct ring *ring, struct ring_cursor *cursor)
{
    if (cursor->offset >= ring->tail_offset) {
        return false;
    }
    *cursor = (struct ring_cursor){ring->tail, 0, ring->tail_offset};
    return true;
}

size_t ring_read(const struct ring *ring, struct ring_cursor *cursor, uint8_t *channel, uint8_t *space, size_t room)
{
    /* What was read to its end may have given way since: the next byte's record is the oldest then. */
    if (cursor->record < ring->tail) {
        *cursor = (struct ring_cursor){ring->tail, 0, cursor->offset};
    }
    if (cursor->record >= ring->head) {
        return 0;
    }
    size_t length = length_of(ring, cursor->record);
    if (cursor->within == length) {
        if (cursor->record == ring->last_record) {
            return 0;
        }
        cursor->record += RECORD_HEAD_BYTES + length;
        cursor->within = 0;
        length = length_of(ring, cursor->record);
    }
    size_t bytes = length - cursor->within < room ? length - cursor->within : room;
    *channel = (uint8_t)(head_of(ring, cursor->record) >> CHANNEL_SHIFT);
    get(ring, cursor->record + RECORD_HEAD_BYTES + cursor->within, space, bytes);
    cursor->within += bytes;
    cursor->offset += bytes;
    return bytes;
}
