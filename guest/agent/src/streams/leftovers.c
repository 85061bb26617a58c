#include "leftovers.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent.h"

void leftovers_init(struct agent *agent)
{
    for (size_t i = 0; i < MAX_LEFTOVERS; i++) {
        agent->leftovers[i].fd = -1;
    }
}

static void leftover_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)agent;
    (void)events;
    static uint8_t nowhere[FRAME_MAX_PAYLOAD];
    ssize_t bytes = read(watch->fd, nowhere, sizeof nowhere);
    if (bytes == 0 || (bytes < 0 && errno != EAGAIN && errno != EINTR)) {
        watch_close(watch);
    }
}

void leftover_add(struct agent *agent, int fd)
{
    for (size_t tried = 0; tried < MAX_LEFTOVERS && agent->leftovers[agent->next_leftover].fd >= 0; tried++) {
        agent->next_leftover = (agent->next_leftover + 1) % MAX_LEFTOVERS;
    }
    struct watch *watch = &agent->leftovers[agent->next_leftover];
    agent->next_leftover = (agent->next_leftover + 1) % MAX_LEFTOVERS;
    watch_close(watch);
    watch_open(watch, fd, agent->main_epoll, NULL, leftover_ready);
    watch_set(watch, EPOLLIN);
}

void leftovers_close(struct agent *agent)
{
    for (size_t i = 0; i < MAX_LEFTOVERS; i++) {
        watch_close(&agent->leftovers[i]);
    }
}
