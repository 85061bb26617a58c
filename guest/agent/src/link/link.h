/*
 * The port to the host and what waits to be written to it. Control frames queue in a bounded buffer; data frames do not queue: a stream is asked
 * for one when the port has room, so a slow host costs no memory and one stream cannot get ahead of the others.
 */
#ifndef FASTVM_LINK_H
#define FASTVM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "parser.h"
#include "protocol.h"

enum {
    /* Answers to what the host asked. Above the mark the host is not read any further, so it cannot make this overflow. */
    CONTROL_QUEUE_BYTES = 512 * 1024,
    CONTROL_HIGH_MARK = CONTROL_QUEUE_BYTES / 2,
};

struct link {
    int fd;
    uint16_t session;
    bool greeted;
    uint8_t generation[GENERATION_BYTES];
    uint8_t nonce[NONCE_BYTES];
    struct parser parser;

    uint8_t control[CONTROL_QUEUE_BYTES];
    size_t control_start;
    size_t control_end;

    /* One data frame under way: its header stands in front of where a stream reads its payload to. */
    uint8_t data[FRAME_MAX_BYTES];
    size_t data_start;
    size_t data_end;
};

void link_init(struct link *link, int fd);

/* Queues a frame of control; its payload is at most MAX_TEXT_BYTES and some. */
void link_send(struct link *link, uint8_t kind, uint32_t stream, const void *payload, size_t length);
/* The same in two parts. */
void link_send_parts(struct link *link, uint8_t kind, uint32_t stream, const void *head, size_t head_length,
                     const void *tail, size_t tail_length);

/* True when a data frame may be built now. */
bool link_has_room(const struct link *link);
/* Whether something waits for the port to take it. */
bool link_is_congested(const struct link *link);
bool link_accepts_input(const struct link *link);

/* Where a data frame's payload goes: FRAME_MAX_PAYLOAD bytes. Only while link_has_room. */
uint8_t *link_data_space(struct link *link);
/* Sends the payload that was put there. */
void link_send_data(struct link *link, uint8_t kind, uint32_t stream, size_t length);

/* Writes what the port takes. False when the port is gone. */
bool link_flush(struct link *link);

/* Forgets all that waits to be written, a half-written frame too. */
void link_drop_output(struct link *link);

#endif
