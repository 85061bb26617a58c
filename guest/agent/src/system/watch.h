/* A descriptor in an epoll set, with what to do when it is ready. */
#ifndef FASTVM_WATCH_H
#define FASTVM_WATCH_H

#include <stdint.h>

struct agent;
struct stream;

struct watch {
    int fd;
    /* The set it is in while it has events. */
    int epoll;
    uint32_t events;
    /* NULL for what belongs to no stream. */
    struct stream *stream;
    void (*ready)(struct agent *agent, struct watch *watch, uint32_t events);
};

void watch_open(struct watch *watch, int fd, int epoll, struct stream *stream,
                void (*ready)(struct agent *, struct watch *, uint32_t));
/* A watch without events leaves its set: a closed pipe would otherwise be reported again and again. */
void watch_set(struct watch *watch, uint32_t events);
void watch_close(struct watch *watch);

#endif
