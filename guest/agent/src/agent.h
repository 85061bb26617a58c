/* The agent's state: one link, its streams, and two epoll sets. Streams sit in a set of their own, which is looked at only while the port has room. */
#ifndef FASTVM_AGENT_H
#define FASTVM_AGENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link/link.h"
#include "system/watch.h"

struct job;
struct stream;

/* Output of background processes whose command is over: read and thrown away, so that they are not killed by a closed pipe. */
enum { MAX_LEFTOVERS = 2048, MAX_FORWARDS = 16 };

/* An address of the guest whose connections are carried to the host. */
struct forward {
    uint16_t port;
    char host[INET6_ADDRSTRLEN];
};

/* Commands in the background, in the order in which they were started. */
struct jobs {
    struct job *first;
    size_t count;
    uint64_t next_number;
    /* The earliest time that any of them waits for. */
    uint64_t due_ns;
    /* Of the VM, so far. */
    uint32_t restores;
    /* Memory that their output may still take. */
    size_t rings_budget;
};

struct agent {
    struct link link;
    /* Looked at while the port is full, too: what is read for these does not go there. */
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
    bool pumped_first;
    /* How many of the streams have nothing to be watched, and how many wait for a time: with none, nobody is asked. */
    size_t pumped_streams;
    size_t timed_streams;

    struct jobs jobs;

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

#endif
