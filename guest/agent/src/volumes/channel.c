/* One mount: its requests and their answers. */
#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

#include "pump.h"

enum { MAX_READS = 16 };

struct channel *pump_channel(struct pump *pump, uint16_t number)
{
    return number >= 1 && number <= MAX_CHANNELS && pump->channels[number - 1].number == number ? &pump->channels[number - 1] : NULL;
}

struct channel *pump_tagged(struct pump *pump, const char *tag)
{
    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        if (pump->channels[i].number != 0 && strcmp(pump->channels[i].tag, tag) == 0) {
            return &pump->channels[i];
        }
    }
    return NULL;
}

static void drop_pending(struct pump *pump, uint16_t channel)
{
    for (size_t i = pump->pending_count; i-- > 0;) {
        if (pump->pending[i].channel == channel) {
            pump->pending[i] = pump->pending[--pump->pending_count];
        }
    }
}

void channel_close(struct pump *pump, struct channel *channel)
{
    sent_copy(&pump->sent, WIRE_CLOSE, channel->number, "", 0);
    drop_pending(pump, channel->number);
    if (channel->fd >= 0) {
        close(channel->fd);
    }
    *channel = (struct channel){.number = 0, .fd = -1, .client = -1};
}

static void answer_error(const struct channel *channel, uint64_t unique, int error)
{
    const struct fuse_out_header header = {.len = sizeof header, .error = -error, .unique = unique};
    ssize_t written = write(channel->fd, &header, sizeof header);
    (void)written; /* It may have been given up meanwhile. */
}

void pump_fail_pending(struct pump *pump)
{
    for (size_t i = 0; i < pump->pending_count; i++) {
        struct channel *channel = pump_channel(pump, pump->pending[i].channel);
        if (channel != NULL && channel->fd >= 0 && !(channel->swallows_init && pump->pending[i].unique == channel->init_unique)) {
            answer_error(channel, pump->pending[i].unique, EIO);
        }
    }
    pump->pending_count = 0;
}

static void await(struct pump *pump, const struct channel *channel, uint64_t unique)
{
    pump->pending[pump->pending_count++] = (struct pending){.unique = unique, .channel = channel->number};
}

static bool has_answer(uint32_t opcode)
{
    return opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET && opcode != FUSE_INTERRUPT;
}

static void take_message(struct pump *pump, struct channel *channel, struct frame_out *frame, size_t length)
{
    struct fuse_in_header header;
    const uint8_t *message = frame->bytes + WIRE_HEADER_BYTES;
    memcpy(&header, message, sizeof header);
    if (header.opcode == FUSE_INIT && length <= sizeof channel->init) {
        memcpy(channel->init, message, length);
        channel->init_length = length;
        channel->init_unique = header.unique;
    }
    if (pump->has_given_up) {
        if (has_answer(header.opcode)) {
            answer_error(channel, header.unique, EIO);
        }
        sent_unused(&pump->sent, frame);
        return;
    }
    if (has_answer(header.opcode)) {
        await(pump, channel, header.unique);
    }
    /* Small ones do not hold a large frame while they wait to be received. */
    if (length < MAX_DATA_BYTES / 4 && sent_copy(&pump->sent, WIRE_FUSE, channel->number, message, length)) {
        sent_unused(&pump->sent, frame);
    } else {
        sent_queue(&pump->sent, frame, WIRE_FUSE, channel->number, length);
    }
}

void channel_read(struct pump *pump, struct channel *channel)
{
    for (int i = 0; i < MAX_READS && pump->pending_count < MAX_PENDING && pump->sent.bytes < MAX_SENT_BYTES; i++) {
        struct frame_out *frame = sent_large(&pump->sent);
        ssize_t length = frame == NULL ? -1 : read(channel->fd, frame->bytes + WIRE_HEADER_BYTES, MAX_MESSAGE_BYTES);
        if (length >= (ssize_t)sizeof(struct fuse_in_header)) {
            take_message(pump, channel, frame, (size_t)length);
            continue;
        }
        int error = errno;
        if (frame != NULL) {
            sent_unused(&pump->sent, frame);
        }
        if (error == ENODEV || error == EPERM) {
            channel_close(pump, channel); /* It was unmounted. */
        } else if (error == ENOENT || error == EINTR) {
            continue; /* One that was given up before it was read. */
        }
        return;
    }
}

static void told(struct pump *pump, struct channel *channel, uint64_t unique)
{
    for (size_t i = 0; i < pump->pending_count; i++) {
        if (pump->pending[i].unique == unique && pump->pending[i].channel == channel->number) {
            pump->pending[i] = pump->pending[--pump->pending_count];
            return;
        }
    }
}

void channel_answer(struct pump *pump, struct channel *channel, const uint8_t *message, size_t length)
{
    struct fuse_out_header header;
    if (length < sizeof header || channel->fd < 0) {
        return;
    }
    memcpy(&header, message, sizeof header);
    told(pump, channel, header.unique);
    bool is_init = header.unique == channel->init_unique && channel->init_length > 0;
    if (is_init && channel->swallows_init) {
        channel->swallows_init = false;
        return;
    }
    ssize_t written = write(channel->fd, message, length);
    if (is_init && !channel->is_ready) {
        channel->is_ready = true;
        client_tell(channel->client, written < 0 ? EIO : (uint32_t)-header.error, 0);
    }
}

void channel_opened(struct pump *pump, struct channel *channel, const struct wire_opened *opened)
{
    if (channel->fd >= 0) {
        return; /* Opened once more with another server; without it each request is answered with EIO. */
    }
    client_tell(channel->client, opened->error, opened->mode);
    if (opened->error != 0) {
        channel_close(pump, channel);
    }
}

void channel_reopen(struct pump *pump, struct channel *channel)
{
    sent_copy(&pump->sent, WIRE_OPEN, channel->number, channel->tag, strlen(channel->tag));
    if (channel->init_length > 0) {
        channel->swallows_init = channel->is_ready;
        sent_copy(&pump->sent, WIRE_FUSE, channel->number, channel->init, channel->init_length);
    }
}
