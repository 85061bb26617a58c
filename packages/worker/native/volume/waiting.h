/*
 * Requests for locks that somebody else has, tried again and again: at once when this guest gives one back, else after a while that doubles. Threads that
 * wait in the kernel would be woken sooner, and would each have to be stopped at a capture.
 */
#ifndef VOLUME_WAITING_H
#define VOLUME_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"
#include "locks.h"

struct server;
struct request;

struct waiter {
    /* The guest's number of the request; 0: the place is free. */
    uint64_t unique;
    uint16_t channel;
    uint64_t node_number;
    struct lock_request lock;
    uint64_t next_try_ns;
    uint64_t pause_ns;
};

struct waiting {
    struct waiter all[MAX_WAITING];
    size_t count;
    bool changed;
};

/* 0, or ENOLCK when too many wait. */
int waiting_add(struct server *server, const struct request *request, const struct lock_request *lock);
/* Ends one with EINTR. */
void waiting_interrupt(struct server *server, uint16_t channel, uint64_t unique);
/* A lock was given back: whoever waits is tried in this round. */
void waiting_hurry(struct server *server);
/* Without an answer: the mount is gone. */
void waiting_drop(struct server *server, uint16_t channel);
size_t waiting_of(const struct server *server, uint16_t channel);
/* Tries those whose time has come; milliseconds until the next, -1 with none. */
int waiting_try(struct server *server);

#endif
