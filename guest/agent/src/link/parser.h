/* Cuts the byte stream into frames. Whatever comes in, it never reads or writes outside its buffer and never stops making progress. */
#ifndef FASTVM_PARSER_H
#define FASTVM_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

enum { PARSER_BUFFER_BYTES = 2 * FRAME_MAX_BYTES };

struct parser {
    uint8_t buffer[PARSER_BUFFER_BYTES];
    size_t start;
    size_t end;
    /* Garbage was seen: bytes are skipped until a HELLO. */
    bool resynchronising;
};

void parser_init(struct parser *parser);

/* Where to read the next bytes into, and how many fit; at least one whole frame's rest always does. */
uint8_t *parser_space(struct parser *parser, size_t *room);

void parser_filled(struct parser *parser, size_t bytes);

/* The next whole frame, valid until the next call on this parser; false when more bytes are needed. */
bool parser_next(struct parser *parser, struct frame *frame);

/* A number in the payload; 0 where that is too short. */
uint32_t frame_u32(const struct frame *frame);
uint16_t frame_u16(const struct frame *frame, size_t offset);

#endif
