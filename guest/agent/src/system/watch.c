#include "watch.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

void watch_open(struct watch *watch, int fd, int epoll, struct stream *stream,
                void (*ready)(struct agent *, struct watch *, uint32_t))
{
    *watch = (struct watch){.fd = fd, .epoll = epoll, .events = 0, .stream = stream, .ready = ready};
}

void watch_set(struct watch *watch, uint32_t events)
{
    if (watch->fd < 0 || watch->events == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int operation = events == 0 ? EPOLL_CTL_DEL : watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    epoll_ctl(watch->epoll, operation, watch->fd, &event);
    watch->events = events;
}

void watch_close(struct watch *watch)
{
    if (watch->fd < 0) {
        return;
    }
    watch_set(watch, 0);
    close(watch->fd);
    watch->fd = -1;
}
