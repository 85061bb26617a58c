/* The agent's state: one link, its streams, and two epoll sets. Streams sit in a set of their own, which is looked at only while the port has room. */
#ifndef FASTVM_AGENT_H
#define FASTVM_AGENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "link/link.h"

struct agent;
struct stream;

/* A descriptor in an epoll set, with what to do when it is ready. */
struct watch {
    int fd;
    uint32_t events;
    /* Looked at while the port is full, too: what it reads does not go there. */
    bool always;
    struct stream *stream;
    void (*ready)(struct agent *agent, struct watch *watch, uint32_t events);
};

enum stream_kind { STREAM_EXEC, STREAM_WRITE, STREAM_READ, STREAM_SOCKET };

/* Bytes from the host that the other side has not taken yet: at most a window of them. */
struct input_queue {
    uint8_t *bytes;
    size_t start;
    size_t length;
};

struct stream {
    uint32_t id;
    enum stream_kind kind;
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

    struct watch in;
    struct watch out;
    struct watch err;

    /* STREAM_EXEC */
    pid_t pid;
    bool is_pty;
    /* The command's side of its terminal, held open until it ends: with none open, ours would report an error for good. */
    int terminal;
    bool exited;
    /* Nobody was left in the process group when its leader was reaped: its number may be somebody else's now. */
    bool group_gone;
    int exit_status;
    uint64_t started_ns;
    /* DRAIN_HELD: the time does not run, as something else must happen first. */
    uint64_t drain_deadline_ns;
    /* What the pipes held when the main process ended: delivered whatever it takes. */
    size_t must_drain;

    /* STREAM_WRITE, STREAM_READ */
    char *path;
    char *temporary;
    int file;
    uint32_t mode;
    uint64_t mtime;
    bool has_mtime;
    long uid;
    long gid;

    /* STREAM_SOCKET */
    bool connecting;
    bool output_ended;
    /* Why its input is thrown away; 0 while it is not. */
    int input_error;
};

/* Output of background processes whose command is over: read and thrown away, so that they are not killed by a closed pipe. */
enum { MAX_LEFTOVERS = 2048, MAX_FORWARDS = 16 };

/* An address of the guest whose connections are carried to the host. */
struct forward {
    uint16_t port;
    char host[INET6_ADDRSTRLEN];
};

#define DRAIN_HELD UINT64_MAX

struct agent {
    struct link link;
    int main_epoll;
    int stream_epoll;
    bool streams_watched;
    /* The parser holds frames that wait until their answers have room. */
    bool frames_wait;
    struct watch link_watch;
    struct watch signal_watch;

    struct stream *streams[MAX_STREAMS];
    size_t stream_count;
    struct stream *dead_streams;
    /* Whoever comes first in a round, and takes the room there is, comes last in another. */
    size_t turn;
    bool files_first;
    size_t draining;
    size_t reading_files;

    struct watch leftovers[MAX_LEFTOVERS];
    size_t next_leftover;

    struct watch forward_watches[MAX_FORWARDS];
    struct forward forwards[MAX_FORWARDS];
    size_t forward_count;
    /* No descriptor was left for a connection: they are looked at again when a stream has given some back. */
    bool forwards_paused;
    uint32_t next_guest_stream;

    /* A request that comes in pieces. */
    uint8_t *request;
    size_t request_length;
    uint32_t request_stream;

    /* Serves the development mode: nothing of this machine is changed. */
    bool leaves_machine_alone;
};

/* watch.c */
void watch_open(struct watch *watch, int fd, struct stream *stream,
                void (*ready)(struct agent *, struct watch *, uint32_t));
void watch_set(struct agent *agent, struct watch *watch, uint32_t events);
void watch_close(struct agent *agent, struct watch *watch);

/* stream.c */
struct stream *stream_open(struct agent *agent, uint32_t id, enum stream_kind kind);
struct stream *stream_find(struct agent *agent, uint32_t id);
/* Takes the stream out of the table and closes what it holds; says nothing to the host. */
void stream_close(struct agent *agent, struct stream *stream);
void stream_reset(struct agent *agent, struct stream *stream, uint32_t error);
void streams_free_dead(struct agent *agent);
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
void leftover_add(struct agent *agent, int fd);

/* exec.c */
void exec_open(struct agent *agent, uint32_t id, const uint8_t *request, size_t length);
void exec_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length);
void exec_end(struct agent *agent, struct stream *stream);
void exec_signal(struct stream *stream, uint32_t number);
void exec_resize(struct stream *stream, uint16_t rows, uint16_t columns);
void exec_kill(struct agent *agent, struct stream *stream);
void exec_detach(struct agent *agent, struct stream *stream);
void exec_resume_output(struct agent *agent, struct stream *stream);
void exec_reap(struct agent *agent);
void exec_check_drains(struct agent *agent, uint64_t now_ns);
/* Milliseconds until a drain is due, -1 for none. */
int exec_next_drain_ms(struct agent *agent, uint64_t now_ns);

/* file.c */
void file_open_write(struct agent *agent, uint32_t id, const uint8_t *request, size_t length);
void file_open_read(struct agent *agent, uint32_t id, const uint8_t *request, size_t length);
void file_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length);
void file_end(struct agent *agent, struct stream *stream);
void file_abort(struct stream *stream);
/* Sends more of the files that are being read; they have no readiness to wait for. */
void files_pump(struct agent *agent);

/* socket.c */
void socket_open_dial(struct agent *agent, uint32_t id, const uint8_t *payload, size_t length);
void socket_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length);
void socket_end(struct agent *agent, struct stream *stream);
void socket_resume_output(struct agent *agent, struct stream *stream);
/* Makes a stream of a connection that was accepted; closes it and returns false when there is no room. */
bool socket_accepted(struct agent *agent, uint32_t id, int fd);

/* forward.c */
/* Connections to this numeric address are carried to the host; it becomes the guest's own first, unless it is a loopback's. 0 or an errno. */
int forward_open(struct agent *agent, const char *host, uint16_t port);
void forwards_resume(struct agent *agent);

/* identity.c */
void identity_apply(struct agent *agent, const uint8_t *request, size_t length);

/* dispatch.c */
void dispatch(struct agent *agent, const struct frame *frame);

/* serve.c */
struct agent *agent_new(int fd);
/* Serves until the port is gone; development mode only. The real port is never gone for good. */
void agent_serve(struct agent *agent, bool port_returns);
/* Goes on with another connection: streams of before live until its HELLO decides over them. */
void agent_reconnect(struct agent *agent, int fd);
void agent_disconnect(struct agent *agent);
void agent_free(struct agent *agent);

/* clock.c */
uint64_t monotonic_ns(void);

#endif
