#include "sent.h"

#include <stdlib.h>
#include <string.h>

struct frame_out *sent_large(struct sent *sent)
{
    struct frame_out *frame = sent->spare;
    if (frame != NULL) {
        sent->spare = frame->next;
        return frame;
    }
    frame = malloc(sizeof *frame + WIRE_MAX_FRAME_BYTES);
    if (frame != NULL) {
        frame->is_large = true;
    }
    return frame;
}

void sent_unused(struct sent *sent, struct frame_out *frame)
{
    if (frame->is_large && sent->spare == NULL) {
        frame->next = NULL;
        sent->spare = frame;
    } else {
        free(frame);
    }
}

void sent_queue(struct sent *sent, struct frame_out *frame, uint8_t kind, uint16_t channel, size_t length)
{
    const struct wire_header header = {.magic = WIRE_MAGIC, .kind = kind, .version = WIRE_VERSION, .channel = channel,
                                       .length = (uint32_t)length, .number = ++sent->number};
    const uint32_t end = WIRE_END;
    memcpy(frame->bytes, &header, sizeof header);
    memcpy(frame->bytes + sizeof header + length, &end, sizeof end);
    frame->next = NULL;
    frame->number = header.number;
    frame->length = sizeof header + length + sizeof end;
    sent->bytes += frame->length;
    if (sent->last != NULL) {
        sent->last->next = frame;
    } else {
        sent->first = frame;
    }
    sent->last = frame;
    if (sent->next == NULL) {
        sent->next = frame;
        sent->written = 0;
    }
}

bool sent_copy(struct sent *sent, uint8_t kind, uint16_t channel, const void *bytes, size_t length)
{
    struct frame_out *frame = malloc(sizeof *frame + WIRE_HEADER_BYTES + length + WIRE_END_BYTES);
    if (frame == NULL) {
        return false;
    }
    frame->is_large = false;
    memcpy(frame->bytes + WIRE_HEADER_BYTES, bytes, length);
    sent_queue(sent, frame, kind, channel, length);
    return true;
}

static void drop_first(struct sent *sent)
{
    struct frame_out *frame = sent->first;
    sent->first = frame->next;
    if (sent->first == NULL) {
        sent->last = NULL;
    }
    if (sent->next == frame) {
        sent->next = frame->next;
        sent->written = 0;
    }
    sent->bytes -= frame->length;
    sent_unused(sent, frame);
}

void sent_received(struct sent *sent, uint64_t number)
{
    while (sent->first != NULL && sent->first->number <= number) {
        drop_first(sent);
    }
}

void sent_again(struct sent *sent)
{
    sent->next = sent->first;
    sent->written = 0;
}

void sent_clear(struct sent *sent)
{
    sent_received(sent, UINT64_MAX);
    sent->number = 0;
}
