/*
 * What goes to the server: frames, each kept until the server has it, so that a session can go on in a restored VM. Those of a capacity for the largest
 * message are used again: a message is read into one and never copied.
 */
#ifndef FASTVM_VOLUMES_SENT_H
#define FASTVM_VOLUMES_SENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct frame_out {
    struct frame_out *next;
    uint64_t number;
    size_t length;
    bool is_large;
    uint8_t bytes[];
};

struct sent {
    struct frame_out *first;
    struct frame_out *last;
    /* The next to be written, and how much of it is. */
    struct frame_out *next;
    size_t written;
    uint64_t number;
    size_t bytes;
    struct frame_out *spare;
};

/* A frame for the largest message. NULL without memory. */
struct frame_out *sent_large(struct sent *sent);
/* Gives one back that was not used. */
void sent_unused(struct sent *sent, struct frame_out *frame);
/* Numbers and queues a message of so many bytes that stands in a large frame already. */
void sent_queue(struct sent *sent, struct frame_out *frame, uint8_t kind, uint16_t channel, size_t length);
/* The same for bytes. False without memory. */
bool sent_copy(struct sent *sent, uint8_t kind, uint16_t channel, const void *bytes, size_t length);
/* The server has all up to this one. */
void sent_received(struct sent *sent, uint64_t number);
/* Begins anew with the first that it does not have. */
void sent_again(struct sent *sent);
void sent_clear(struct sent *sent);

#endif
