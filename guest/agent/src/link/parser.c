#include "parser.h"

#include <string.h>

void parser_init(struct parser *parser)
{
    parser->start = 0;
    parser->end = 0;
    parser->resynchronising = false;
}

uint8_t *parser_space(struct parser *parser, size_t *room)
{
    if (parser->start > 0) {
        memmove(parser->buffer, parser->buffer + parser->start, parser->end - parser->start);
        parser->end -= parser->start;
        parser->start = 0;
    }
    *room = PARSER_BUFFER_BYTES - parser->end;
    return parser->buffer + parser->end;
}

void parser_filled(struct parser *parser, size_t bytes)
{
    parser->end += bytes;
}

static bool kind_is_known(uint8_t kind)
{
    return (kind >= KIND_HELLO && kind <= KIND_PONG) || (kind >= KIND_MORE && kind <= KIND_OPEN_DATAGRAMS) ||
           (kind >= KIND_DATA && kind <= KIND_DONE);
}

static void read_header(const uint8_t *bytes, struct frame *frame)
{
    frame->kind = bytes[1];
    memcpy(&frame->session, bytes + 2, sizeof frame->session);
    memcpy(&frame->stream, bytes + 4, sizeof frame->stream);
    memcpy(&frame->length, bytes + 8, sizeof frame->length);
    frame->payload = bytes + FRAME_HEADER_BYTES;
}

static bool header_is_sound(const uint8_t *bytes, const struct frame *frame)
{
    return bytes[0] == FRAME_FIRST_BYTE && kind_is_known(frame->kind) && frame->length <= FRAME_MAX_PAYLOAD;
}

static bool is_hello(const uint8_t *bytes, size_t available, const struct frame *frame)
{
    return bytes[0] == FRAME_FIRST_BYTE && frame->kind == KIND_HELLO && frame->length == HELLO_BYTES &&
           available >= FRAME_HEADER_BYTES + HELLO_BYTES + 1 &&
           memcmp(frame->payload, HELLO_MARKER, MARKER_BYTES) == 0 &&
           frame->payload[HELLO_BYTES] == FRAME_LAST_BYTE;
}

/* Skips to the next byte that could begin a frame. The kernel of resynchronisation: 65,549 zeros cost one memchr. */
static void skip_to_candidate(struct parser *parser)
{
    uint8_t *found = memchr(parser->buffer + parser->start, FRAME_FIRST_BYTE, parser->end - parser->start);
    parser->start = found == NULL ? parser->end : (size_t)(found - parser->buffer);
}

static bool next_hello(struct parser *parser, struct frame *frame)
{
    for (;;) {
        skip_to_candidate(parser);
        size_t available = parser->end - parser->start;
        const uint8_t *bytes = parser->buffer + parser->start;
        if (available < FRAME_HEADER_BYTES + HELLO_BYTES + 1) {
            return false;
        }
        read_header(bytes, frame);
        if (is_hello(bytes, available, frame)) {
            parser->resynchronising = false;
            parser->start += FRAME_HEADER_BYTES + HELLO_BYTES + 1;
            return true;
        }
        parser->start++;
    }
}

bool parser_next(struct parser *parser, struct frame *frame)
{
    for (;;) {
        if (parser->resynchronising) {
            return next_hello(parser, frame);
        }
        size_t available = parser->end - parser->start;
        if (available < FRAME_HEADER_BYTES) {
            return false;
        }
        const uint8_t *bytes = parser->buffer + parser->start;
        read_header(bytes, frame);
        if (!header_is_sound(bytes, frame)) {
            parser->resynchronising = true;
            continue;
        }
        size_t whole = FRAME_HEADER_BYTES + (size_t)frame->length + 1;
        if (available < whole) {
            return false;
        }
        parser->start += whole;
        if (frame->payload[frame->length] == FRAME_LAST_BYTE) {
            return true;
        }
        /* Cut in two when the VM was captured and filled up by the zeros that a new host sends first. */
        parser->resynchronising = true;
    }
}

uint32_t frame_u32(const struct frame *frame)
{
    uint32_t value = 0;
    if (frame->length >= sizeof value) {
        memcpy(&value, frame->payload, sizeof value);
    }
    return value;
}

uint16_t frame_u16(const struct frame *frame, size_t offset)
{
    uint16_t value = 0;
    if (frame->length >= offset + sizeof value) {
        memcpy(&value, frame->payload + offset, sizeof value);
    }
    return value;
}
