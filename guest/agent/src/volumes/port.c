/* The port's frames: sessions, and what is written when. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pump.h"
#include "system/clock.h"

enum {
    INPUT_BYTES = 2 * WIRE_MAX_FRAME_BYTES,
    EMPTY_FRAME_BYTES = WIRE_HEADER_BYTES + WIRE_END_BYTES,
    /* The server hears at least so often what is here: it keeps the rest. */
    TOLD_BYTES = 256 * 1024,
    TOLD_FRAMES = 64,
    MAX_READS = 16,
};

/* One at a time; a newer one takes the place of one that nobody has read a byte of. */
static void send_note(struct pump *pump, uint8_t kind, const void *bytes, size_t length)
{
    const struct wire_header header = {.magic = WIRE_MAGIC, .kind = kind, .version = WIRE_VERSION, .length = (uint32_t)length,
                                       .received = pump->received};
    const uint32_t end = WIRE_END;
    if (pump->note_written > 0) {
        return; /* It is asked for again. */
    }
    memcpy(pump->note, &header, sizeof header);
    memcpy(pump->note + sizeof header, bytes, length);
    memcpy(pump->note + sizeof header + length, &end, sizeof end);
    pump->note_length = sizeof header + length + sizeof end;
    pump->told = pump->received;
    pump->received_bytes = 0;
}

/* The server knows nothing of before: what was under way may have been done or not. */
static void begin_anew(struct pump *pump)
{
    pump_fail_pending(pump);
    sent_clear(&pump->sent);
    pump->received = pump->told = 0;
    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        if (pump->channels[i].number != 0) {
            channel_reopen(pump, &pump->channels[i]);
        }
    }
}

static void hello(struct pump *pump, const struct wire_hello *hello)
{
    struct wire_welcome welcome = {.starts_anew = 0};
    bool is_repeated = pump->has_session && memcmp(hello->nonce, pump->nonce, WIRE_NONCE_BYTES) == 0;
    if (!is_repeated) {
        memcpy(pump->nonce, hello->nonce, WIRE_NONCE_BYTES);
        pump->note_length = pump->note_written = 0;
        uint64_t oldest = pump->sent.first == NULL ? pump->sent.number + 1 : pump->sent.first->number;
        bool goes_on = hello->has_table && hello->done + 1 >= oldest && hello->done <= pump->sent.number && !pump->has_given_up;
        if (goes_on) {
            sent_received(&pump->sent, hello->done);
            sent_again(&pump->sent);
        } else {
            welcome.starts_anew = 1;
            begin_anew(pump);
        }
        pump->has_session = true;
        pump->has_given_up = false;
        pump->lost_ns = 0;
    }
    memcpy(welcome.marker, WIRE_MARKER, WIRE_MARKER_BYTES);
    memcpy(welcome.nonce, hello->nonce, WIRE_NONCE_BYTES);
    send_note(pump, WIRE_WELCOME, &welcome, sizeof welcome);
}

static void do_frame(struct pump *pump, const struct wire_header *header, const uint8_t *payload)
{
    struct channel *channel = pump_channel(pump, header->channel);
    struct wire_opened opened;
    if (channel != NULL && header->kind == WIRE_FUSE) {
        channel_answer(pump, channel, payload, header->length);
    } else if (channel != NULL && header->kind == WIRE_OPENED && header->length == sizeof opened) {
        memcpy(&opened, payload, sizeof opened);
        channel_opened(pump, channel, &opened);
    }
}

/* A whole frame by its form; 0: more is needed; -1: it is none. */
static ssize_t measure(const uint8_t *bytes, size_t length, struct wire_header *header)
{
    uint32_t end;
    if (length < EMPTY_FRAME_BYTES) {
        return 0;
    }
    memcpy(header, bytes, sizeof *header);
    if (header->magic != WIRE_MAGIC || header->version != WIRE_VERSION || header->length > MAX_MESSAGE_BYTES) {
        return -1;
    }
    size_t whole = EMPTY_FRAME_BYTES + header->length;
    if (length < whole) {
        return 0;
    }
    memcpy(&end, bytes + sizeof *header + header->length, sizeof end);
    return end == WIRE_END ? (ssize_t)whole : -1;
}

static bool is_hello(const struct wire_header *header, const uint8_t *payload, struct wire_hello *found)
{
    if (header->kind != WIRE_HELLO || header->length != sizeof *found) {
        return false;
    }
    memcpy(found, payload, sizeof *found);
    return memcmp(found->marker, WIRE_MARKER, WIRE_MARKER_BYTES) == 0;
}

/* How much of what is there was used; 0: more is needed. */
static size_t take_one(struct pump *pump, const uint8_t *bytes, size_t length)
{
    struct wire_header header;
    struct wire_hello found;
    ssize_t whole = measure(bytes, length, &header);
    if (whole < 0) {
        pump->has_session = false;
        const uint8_t *next = memchr(bytes + 1, WIRE_MAGIC & 0xFF, length - 1);
        return next == NULL ? length : (size_t)(next - bytes);
    }
    if (whole == 0) {
        return 0;
    }
    const uint8_t *payload = bytes + sizeof header;
    if (is_hello(&header, payload, &found)) {
        hello(pump, &found);
        return (size_t)whole;
    }
    if (!pump->has_session || header.received > pump->sent.number) {
        pump->has_session = false;
        return (size_t)whole;
    }
    sent_received(&pump->sent, header.received);
    if (header.number == pump->received + 1) {
        pump->received++;
        pump->received_bytes += (size_t)whole;
        do_frame(pump, &header, payload);
    } else if (header.number > pump->received) {
        pump->has_session = false;
    }
    return (size_t)whole;
}

static void take_frames(struct pump *pump)
{
    size_t start = 0, used;
    while ((used = start == pump->in_length ? 0 : take_one(pump, pump->in + start, pump->in_length - start)) > 0) {
        start += used;
    }
    if (start > 0) {
        memmove(pump->in, pump->in + start, pump->in_length - start);
        pump->in_length -= start;
    }
    if (pump->has_session && (pump->received - pump->told >= TOLD_FRAMES || pump->received_bytes >= TOLD_BYTES)) {
        send_note(pump, WIRE_RECEIVED, "", 0);
    }
}

bool port_take(struct pump *pump)
{
    for (int i = 0; i < MAX_READS; i++) {
        ssize_t bytes = read(pump->port, pump->in + pump->in_length, INPUT_BYTES - pump->in_length);
        if (bytes <= 0) {
            return bytes < 0 && (errno == EAGAIN || errno == EINTR);
        }
        pump->in_length += (size_t)bytes;
        take_frames(pump);
    }
    return true;
}

/* True when all of it is written. */
static bool write_note(struct pump *pump)
{
    while (pump->note_written < pump->note_length) {
        ssize_t bytes = write(pump->port, pump->note + pump->note_written, pump->note_length - pump->note_written);
        if (bytes <= 0) {
            return false;
        }
        pump->note_written += (size_t)bytes;
    }
    pump->note_length = pump->note_written = 0;
    return true;
}

static bool write_frame(struct pump *pump)
{
    struct frame_out *frame = pump->sent.next;
    if (pump->sent.written == 0) {
        /* What it tells is true when it goes. */
        memcpy(frame->bytes + offsetof(struct wire_header, received), &pump->received, sizeof pump->received);
        pump->told = pump->received;
        pump->received_bytes = 0;
    }
    while (pump->sent.written < frame->length) {
        ssize_t bytes = write(pump->port, frame->bytes + pump->sent.written, frame->length - pump->sent.written);
        if (bytes <= 0) {
            return false;
        }
        pump->sent.written += (size_t)bytes;
    }
    pump->sent.next = frame->next;
    pump->sent.written = 0;
    return true;
}

void port_give(struct pump *pump)
{
    while (pump->has_session) {
        bool is_between = pump->sent.written == 0;
        if (is_between && pump->note_length > 0 && !write_note(pump)) {
            return;
        }
        if (pump->sent.next == NULL || !write_frame(pump)) {
            return;
        }
    }
}
