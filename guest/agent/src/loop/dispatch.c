#include "dispatch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "identity/identity.h"
#include "streams/job.h"
#include "streams/kinds.h"
#include "streams/stream.h"
#include "streams/turns.h"

/* The kernel's name for this boot: 32 digits with dashes, as 16 bytes. */
static void read_boot_id(uint8_t id[BOOT_ID_BYTES])
{
    char text[40] = "";
    memset(id, 0, BOOT_ID_BYTES);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    size_t digits = 0;
    for (ssize_t i = 0; i < length && digits < 2 * BOOT_ID_BYTES; i++) {
        char c = text[i];
        if (c == '-' || c == '\n') {
            continue;
        }
        uint8_t value = (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | (value & 15));
        digits++;
    }
}

static void welcome(struct agent *agent)
{
    struct __attribute__((packed)) {
        uint8_t nonce[NONCE_BYTES];
        uint16_t version;
        uint16_t abilities;
        uint32_t zero32;
        uint8_t boot_id[BOOT_ID_BYTES];
    } answer = {.version = PROTOCOL_VERSION,
                .abilities = ABLE_VERBS | ABLE_JOBS | ABLE_VOLUMES | ABLE_PLAIN_MOUNTS | ABLE_LIMITS | ABLE_DATAGRAMS | ABLE_FSTYPES | ABLE_LINK};
    memcpy(answer.nonce, agent->link.nonce, NONCE_BYTES);
    read_boot_id(answer.boot_id);
    link_send(&agent->link, KIND_WELCOME, 0, &answer, sizeof answer);
}

static void hello(struct agent *agent, const struct frame *frame)
{
    struct link *link = &agent->link;
    const uint8_t *generation = frame->payload + MARKER_BYTES;
    const uint8_t *nonce = generation + GENERATION_BYTES;
    bool repeated = link->greeted && frame->session == link->session && memcmp(nonce, link->nonce, NONCE_BYTES) == 0;
    if (!repeated) {
        /* A host that lost its connection has lost its commands; a VM that was restored has never had them. */
        bool restored = memcmp(generation, link->generation, GENERATION_BYTES) != 0;
        if (restored) {
            streams_detach(agent);
            jobs_restored(agent);
        } else {
            streams_kill(agent);
        }
        link_drop_output(link);
        agent->request_length = 0;
        link->greeted = true;
        link->session = frame->session;
        memcpy(link->generation, generation, GENERATION_BYTES);
        memcpy(link->nonce, nonce, NONCE_BYTES);
    }
    welcome(agent);
}

static bool collect(struct agent *agent, const struct frame *frame)
{
    if (agent->request_length > 0 && agent->request_stream != frame->stream) {
        agent->request_length = 0; /* The host sends the pieces of a request in one go. */
    }
    agent->request_stream = frame->stream;
    size_t length = agent->request_length + frame->length;
    uint8_t *grown = length > MAX_REQUEST_BYTES ? NULL : realloc(agent->request, length + 1);
    if (grown == NULL) {
        /* It stays too long, so that what follows is not taken for the beginning of another request. */
        agent->request_length = MAX_REQUEST_BYTES + 1;
        return false;
    }
    agent->request = grown;
    memcpy(grown + agent->request_length, frame->payload, frame->length);
    agent->request_length = length;
    return true;
}

typedef void (*request_handler)(struct agent *agent, uint32_t id, const uint8_t *request, size_t length);

static void apply_identity(struct agent *agent, uint32_t id, const uint8_t *request, size_t length)
{
    (void)id;
    identity_apply(agent, request, length);
}

static void open_request(struct agent *agent, const struct frame *frame, request_handler handler)
{
    bool continued = agent->request_length > 0 && agent->request_stream == frame->stream;
    if (!continued) {
        agent->request_length = 0;
        handler(agent, frame->stream, frame->payload, frame->length);
        return;
    }
    if (collect(agent, frame)) {
        handler(agent, frame->stream, agent->request, agent->request_length);
    } else {
        handler(agent, frame->stream, NULL, 0); /* Too large: answered as one that does not parse. */
    }
    agent->request_length = 0;
    free(agent->request);
    agent->request = NULL;
}

static void receive_data(struct agent *agent, struct stream *stream, const struct frame *frame)
{
    if (!stream_receive(agent, stream, frame->length)) {
        return;
    }
    if (stream->kind->data != NULL) {
        stream->kind->data(agent, stream, frame->payload, frame->length);
    } else {
        stream_reset(agent, stream, EPROTO);
    }
}

static void to_stream(struct agent *agent, struct stream *stream, const struct frame *frame)
{
    switch (frame->kind) {
    case KIND_DATA:
        receive_data(agent, stream, frame);
        break;
    case KIND_END:
        if (stream->kind->end != NULL) {
            stream->kind->end(agent, stream);
        }
        break;
    case KIND_CREDIT:
        if (stream_credited(agent, stream, frame_u32(frame)) && stream->kind->resume != NULL) {
            stream->kind->resume(agent, stream);
        }
        break;
    case KIND_RESET:
        stream_kill(agent, stream);
        break;
    default:
        if (stream->kind->frame != NULL) {
            stream->kind->frame(stream, frame);
        }
        break;
    }
}

void dispatch(struct agent *agent, const struct frame *frame)
{
    if (frame->kind == KIND_HELLO) {
        if (frame->length == HELLO_BYTES && memcmp(frame->payload, HELLO_MARKER, MARKER_BYTES) == 0) {
            hello(agent, frame);
        }
        return;
    }
    if (!agent->link.greeted || frame->session != agent->link.session) {
        return;
    }
    switch (frame->kind) {
    case KIND_MORE:
        collect(agent, frame);
        return;
    case KIND_IDENTITY:
        open_request(agent, frame, apply_identity);
        return;
    case KIND_PING:
        if (frame->length <= 64) {
            link_send(&agent->link, KIND_PONG, 0, frame->payload, frame->length);
        }
        return;
    default:
        break;
    }
    const struct stream_kind *opened = kind_opened_by(frame->kind);
    if (opened != NULL) {
        open_request(agent, frame, opened->open);
        return;
    }
    struct stream *stream = stream_find(agent, frame->stream);
    if (stream != NULL) {
        to_stream(agent, stream, frame);
    }
}
