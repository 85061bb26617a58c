#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent.h"

/* Credit goes back in pieces of this size: a frame for every read would double their number. */
enum { CREDIT_STEP = WINDOW_BYTES / 4 };

struct stream *stream_open(struct agent *agent, uint32_t id, const struct stream_kind *kind)
{
    if (agent->stream_count == MAX_STREAMS || stream_find(agent, id) != NULL) {
        return NULL;
    }
    struct stream *stream = calloc(1, kind->bytes);
    if (stream == NULL) {
        return NULL;
    }
    stream->id = id;
    stream->kind = kind;
    stream->window = WINDOW_BYTES;
    stream->input_window = WINDOW_BYTES;
    stream->in.fd = stream->out.fd = -1;
    stream->due_ns = NEVER_DUE;
    agent->streams[agent->stream_count++] = stream;
    agent->pumped_streams += kind->pump != NULL;
    return stream;
}

struct stream *stream_find(struct agent *agent, uint32_t id)
{
    for (size_t i = 0; i < agent->stream_count; i++) {
        if (agent->streams[i]->id == id) {
            return agent->streams[i];
        }
    }
    return NULL;
}

void stream_close(struct agent *agent, struct stream *stream)
{
    if (stream->dead) {
        return;
    }
    stream->dead = true;
    for (size_t i = 0; i < agent->stream_count; i++) {
        if (agent->streams[i] == stream) {
            agent->streams[i] = agent->streams[--agent->stream_count];
            break;
        }
    }
    agent->timed_streams -= stream->timed;
    agent->pumped_streams -= stream->kind->pump != NULL;
    watch_close(&stream->in);
    watch_close(&stream->out);
    if (stream->kind->release != NULL) {
        stream->kind->release(stream);
    }
    stream->next_dead = agent->dead_streams;
    agent->dead_streams = stream;
}

void stream_kill(struct agent *agent, struct stream *stream)
{
    if (stream->kind->kill != NULL) {
        stream->kind->kill(stream);
    }
    stream_close(agent, stream);
}

void stream_detach(struct agent *agent, struct stream *stream)
{
    if (stream->kind->detach != NULL) {
        stream->kind->detach(agent, stream);
    }
    stream_close(agent, stream);
}

void stream_reset(struct agent *agent, struct stream *stream, uint32_t error)
{
    link_send(&agent->link, KIND_RESET, stream->id, &error, sizeof error);
    stream_kill(agent, stream);
}

void streams_look(struct agent *agent, const struct job *job, bool gone)
{
    /* From the last to the first: one that is closed gives its place to the last. */
    for (size_t i = agent->stream_count; i-- > 0;) {
        struct stream *stream = agent->streams[i];
        if (stream->kind->look != NULL) {
            stream->kind->look(agent, stream, job, gone);
        }
    }
}

void stream_start_timer(struct agent *agent, struct stream *stream)
{
    agent->timed_streams += !stream->timed;
    stream->timed = true;
}

bool stream_receive(struct agent *agent, struct stream *stream, uint32_t bytes)
{
    if (bytes > stream->input_window) {
        stream_reset(agent, stream, EPROTO);
        return false;
    }
    stream->input_window -= bytes;
    return true;
}

void stream_consumed(struct agent *agent, struct stream *stream, uint32_t bytes)
{
    stream->owed_credit += bytes;
    if (stream->owed_credit >= CREDIT_STEP) {
        link_send(&agent->link, KIND_CREDIT, stream->id, &stream->owed_credit, sizeof stream->owed_credit);
        stream->input_window += stream->owed_credit;
        stream->owed_credit = 0;
    }
}

bool stream_credited(struct agent *agent, struct stream *stream, uint32_t bytes)
{
    if (bytes > WINDOW_BYTES - stream->window) {
        stream_reset(agent, stream, EPROTO);
        return false;
    }
    stream->window += bytes;
    return true;
}

ssize_t stream_pump(struct agent *agent, struct stream *stream, struct watch *watch, uint8_t kind)
{
    if (!link_has_room(&agent->link)) {
        return -EAGAIN;
    }
    if (stream->window == 0) {
        watch_set(watch, 0);
        return -EAGAIN;
    }
    size_t room = stream->window < FRAME_MAX_PAYLOAD ? stream->window : FRAME_MAX_PAYLOAD;
    ssize_t bytes = read(watch->fd, link_data_space(&agent->link), room);
    if (bytes > 0) {
        stream->window -= (uint32_t)bytes;
        link_send_data(&agent->link, kind, stream->id, (size_t)bytes);
        return bytes;
    }
    return bytes < 0 ? -errno : 0;
}

bool stream_queue_input(struct stream *stream, const uint8_t *bytes, size_t length)
{
    struct input_queue *input = &stream->input;
    if (input->bytes == NULL) {
        input->bytes = malloc(WINDOW_BYTES);
        if (input->bytes == NULL) {
            return false;
        }
    }
    if (input->start + input->length + length > WINDOW_BYTES) {
        memmove(input->bytes, input->bytes + input->start, input->length);
        input->start = 0;
    }
    if (input->length + length > WINDOW_BYTES) {
        return false;
    }
    memcpy(input->bytes + input->start + input->length, bytes, length);
    input->length += length;
    return true;
}

int stream_flush_input(struct agent *agent, struct stream *stream)
{
    struct input_queue *input = &stream->input;
    while (input->length > 0) {
        ssize_t written = write(stream->in.fd, input->bytes + input->start, input->length);
        if (written > 0) {
            input->start += (size_t)written;
            input->length -= (size_t)written;
            stream_consumed(agent, stream, (uint32_t)written);
        } else if (written < 0 && errno == EINTR) {
            continue;
        } else if (written < 0 && errno == EAGAIN) {
            watch_set(&stream->in, EPOLLOUT);
            return 0;
        } else {
            return errno;
        }
    }
    input->start = 0;
    watch_set(&stream->in, 0);
    return 0;
}

void stream_discard_input(struct agent *agent, struct stream *stream)
{
    watch_close(&stream->in);
    if (stream->input.length > 0) {
        stream_consumed(agent, stream, (uint32_t)stream->input.length);
        stream->input.length = 0;
    }
}
