/*
 * What is true of a stream of any kind: its place in the table, windows, credit, queued input. What a kind does is in its table of functions; nothing
 * here or in the loop knows which kinds there are (kinds.c does).
 */
#ifndef FASTVM_STREAM_H
#define FASTVM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "link/protocol.h"
#include "system/watch.h"

struct agent;
struct job;
struct stream;

/* A function that is NULL has nothing to do, unless it is said otherwise. */
struct stream_kind {
    /* Of the kind's own struct, which begins with a struct stream. */
    size_t bytes;

    /* The frame by which the host opens one, and what follows: `request` is NULL when it was too large. 0: the host opens none. */
    uint8_t opened_by;
    void (*open)(struct agent *agent, uint32_t id, const uint8_t *request, size_t length);

    /* DATA, within the window. NULL: a stream that takes none is reset. */
    void (*data)(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length);
    /* END. */
    void (*end)(struct agent *agent, struct stream *stream);
    /* CREDIT: the window has room again. */
    void (*resume)(struct agent *agent, struct stream *stream);
    /* A frame that only this kind knows. */
    void (*frame)(struct stream *stream, const struct frame *frame);

    /* Sends more. For what can always be read and so cannot be watched: called once per round while the window has room. */
    void (*pump)(struct agent *agent, struct stream *stream);
    /* Called each round from stream_start_timer on, and only then. Sets `due_ns`. */
    void (*tick)(struct agent *agent, struct stream *stream, uint64_t now_ns);
    /* A child of the agent's was reaped. True if it was this stream's. */
    bool (*child_ended)(struct agent *agent, struct stream *stream, pid_t pid, int status);

    /* A job has something new to tell, has ended, or is about to be gone: for streams that look at jobs. */
    void (*look)(struct agent *agent, struct stream *stream, const struct job *job, bool gone);

    /* Ends what goes on behind the stream, which is closed next: the host gave it up. */
    void (*kill)(struct stream *stream);
    /* Leaves what goes on behind the stream to itself; the stream is closed next. NULL: nothing does. */
    void (*detach)(struct agent *agent, struct stream *stream);
    /* Gives back what the kind holds beyond `in`, `out` and `input`. */
    void (*release)(struct stream *stream);
};

/* Bytes from the host that the other side has not taken yet: at most a window of them. */
struct input_queue {
    uint8_t *bytes;
    size_t start;
    size_t length;
};

/* No time is running. */
#define NEVER_DUE UINT64_MAX

struct stream {
    uint32_t id;
    const struct stream_kind *kind;
    /* Waits to be freed at the end of this round: events of this round may still point to it. */
    bool dead;
    struct stream *next_dead;

    /* What we may still send. */
    uint32_t window;
    /* What the host may still send, and what we owe it in credit. */
    uint32_t input_window;
    uint32_t owed_credit;
    struct input_queue input;
    bool input_ended;

    /* Where queued input goes, and where output comes from. */
    struct watch in;
    struct watch out;

    /* Its pump has nothing to send until somebody says otherwise. */
    bool dry;
    bool timed;
    uint64_t due_ns;
};

/* NULL when there are too many, or one of this id. All but what stands above is zero: what the kind adds is the caller's to fill, at once. */
struct stream *stream_open(struct agent *agent, uint32_t id, const struct stream_kind *kind);
struct stream *stream_find(struct agent *agent, uint32_t id);
/* Takes the stream out of the table and closes what it holds; says nothing to the host. */
void stream_close(struct agent *agent, struct stream *stream);
/* The same, with what goes on behind it: ended, or left to itself. */
void stream_kill(struct agent *agent, struct stream *stream);
void stream_detach(struct agent *agent, struct stream *stream);
/* Tells the host, and ends all of it. */
void stream_reset(struct agent *agent, struct stream *stream, uint32_t error);
/* Has every stream look at it. */
void streams_look(struct agent *agent, const struct job *job, bool gone);
void stream_start_timer(struct agent *agent, struct stream *stream);

/* Counts bytes that came; false, and the stream is reset, when they exceed the window. */
bool stream_receive(struct agent *agent, struct stream *stream, uint32_t bytes);
/* The host gets back what was consumed, in few frames. */
void stream_consumed(struct agent *agent, struct stream *stream, uint32_t bytes);
/* False, and the stream is reset, when the host gives back more than it got. */
bool stream_credited(struct agent *agent, struct stream *stream, uint32_t bytes);

/* Reads from `watch` into a data frame as far as port and window allow. Returns what read() returned, -EAGAIN when nothing could be done. */
ssize_t stream_pump(struct agent *agent, struct stream *stream, struct watch *watch, uint8_t kind);
/* Puts received bytes behind those that wait. */
bool stream_queue_input(struct stream *stream, const uint8_t *bytes, size_t length);
/* Writes waiting input to the stream's `in`; an errno when it takes no more, ever. */
int stream_flush_input(struct agent *agent, struct stream *stream);
/* Input that nobody reads any more is thrown away, so that the host does not wait for room: closes `in`. */
void stream_discard_input(struct agent *agent, struct stream *stream);

#endif
