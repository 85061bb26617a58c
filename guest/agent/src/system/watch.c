#include <sys/epoll.h>
#include <unistd.h>

#include "agent.h"

void watch_open(struct watch *watch, int fd, struct stream *stream,
                void (*ready)(struct agent *, struct watch *, uint32_t))
{
    *watch = (struct watch){.fd = fd, .events = 0, .stream = stream, .ready = ready};
}

/* A watch without events leaves its set: a closed pipe would otherwise be reported again and again. */
void watch_set(struct agent *agent, struct watch *watch, uint32_t events)
{
    if (watch->fd < 0 || watch->events == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int operation = events == 0 ? EPOLL_CTL_DEL : watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    epoll_ctl(watch->always ? agent->main_epoll : agent->stream_epoll, operation, watch->fd, &event);
    watch->events = events;
}

void watch_close(struct agent *agent, struct watch *watch)
{
    if (watch->fd < 0) {
        return;
    }
    watch_set(agent, watch, 0);
    close(watch->fd);
    watch->fd = -1;
}
