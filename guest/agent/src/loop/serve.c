#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent.h"
#include "dispatch.h"
#include "streams/forward.h"
#include "streams/job.h"
#include "streams/leftovers.h"
#include "streams/stream.h"
#include "streams/turns.h"
#include "system/clock.h"

enum {
    MAX_EVENTS = 64,
    /* Frames read in a row before streams get their turn. */
    MAX_READS = 32,
    /* The kernel hands out at most one of its buffers for the port, a page each, in one read. */
    PORT_READ_BYTES = 4096,
    /* Should the port's signal be lost, this finds a host that is back, ever more rarely. */
    FIRST_RETRY_MS = 20,
    LAST_RETRY_MS = 1000,
    /* Three for each stream, four for each job, the leftovers, and some. The kernel's own default is 1,024. */
    AGENT_DESCRIPTORS = 3 * MAX_STREAMS + 4 * MAX_JOBS + MAX_LEFTOVERS + 1024,
};

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < AGENT_DESCRIPTORS) {
        limit.rlim_cur = AGENT_DESCRIPTORS;
        limit.rlim_max = limit.rlim_max < AGENT_DESCRIPTORS ? AGENT_DESCRIPTORS : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* What this process was told to ignore by its parent its commands would ignore, too. Once here saves sixty calls for each of them. */
static void heed_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
            signal(number, SIG_DFL);
        }
    }
    /* A write to a command that has closed its input is an error code, not a death. */
    signal(SIGPIPE, SIG_IGN);
}

static void watch_signals(struct agent *agent)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGIO);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    watch_open(&agent->signal_watch, fd, agent->main_epoll, NULL, NULL);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &agent->signal_watch};
    epoll_ctl(agent->main_epoll, EPOLL_CTL_ADD, fd, &event);
}

struct agent *agent_new(int fd)
{
    struct agent *agent = calloc(1, sizeof *agent);
    if (agent == NULL) {
        return NULL;
    }
    link_init(&agent->link, fd);
    agent->main_epoll = epoll_create1(EPOLL_CLOEXEC);
    agent->stream_epoll = epoll_create1(EPOLL_CLOEXEC);
    agent->next_guest_stream = 1;
    leftovers_init(agent);
    jobs_init(agent);
    watch_signals(agent);
    raise_descriptor_limit();
    watch_open(&agent->link_watch, fd, agent->main_epoll, NULL, NULL);
    heed_signals();
    return agent;
}

void agent_free(struct agent *agent)
{
    streams_kill(agent);
    jobs_close(agent);
    streams_free_dead(agent);
    leftovers_close(agent);
    forwards_close(agent);
    close(agent->signal_watch.fd);
    close(agent->main_epoll);
    close(agent->stream_epoll);
    free(agent->request);
    free(agent);
}

void agent_disconnect(struct agent *agent)
{
    close(agent->link.fd);
    agent->link_watch.events = 0;
}

void agent_reconnect(struct agent *agent, int fd)
{
    agent->link.fd = fd;
    agent->link_watch.fd = fd;
    parser_init(&agent->link.parser);
    link_drop_output(&agent->link);
}

static void set_link_events(struct agent *agent, uint32_t events)
{
    struct watch *watch = &agent->link_watch;
    if (watch->events == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int operation = events == 0 ? EPOLL_CTL_DEL : watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    epoll_ctl(agent->main_epoll, operation, watch->fd, &event);
    watch->events = events;
}

/* Streams are looked at only while a frame of theirs could be sent; the set as a whole is taken out meanwhile. */
static void watch_streams(struct agent *agent, bool watched)
{
    if (agent->streams_watched == watched) {
        return;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = agent};
    epoll_ctl(agent->main_epoll, watched ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, agent->stream_epoll, &event);
    agent->streams_watched = watched;
}

/* Thousands of small requests fit in one read, and their answers would not fit in the queue: those beyond its mark wait in the parser. */
static void handle_frames(struct agent *agent)
{
    struct frame frame;
    agent->frames_wait = true;
    while (link_accepts_input(&agent->link)) {
        if (!parser_next(&agent->link.parser, &frame)) {
            agent->frames_wait = false;
            return;
        }
        dispatch(agent, &frame);
    }
}

/* False when the host is not there. */
static bool read_link(struct agent *agent)
{
    handle_frames(agent);
    for (int i = 0; i < MAX_READS && !agent->frames_wait; i++) {
        size_t room;
        uint8_t *space = parser_space(&agent->link.parser, &room);
        ssize_t bytes = read(agent->link.fd, space, room);
        if (bytes > 0) {
            parser_filled(&agent->link.parser, (size_t)bytes);
            handle_frames(agent);
            if ((size_t)bytes < PORT_READ_BYTES) {
                return true; /* Nothing more for now: one system call saved. */
            }
        } else if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        } else {
            return false;
        }
    }
    return true;
}

static void read_signals(struct agent *agent)
{
    struct signalfd_siginfo info[8];
    while (read(agent->signal_watch.fd, info, sizeof info) > 0) {
    }
    streams_reap(agent);
}

static void handle_streams(struct agent *agent)
{
    struct epoll_event events[MAX_EVENTS];
    int count = epoll_wait(agent->stream_epoll, events, MAX_EVENTS, 0);
    for (int i = 0; i < count; i++) {
        /* Those that got no room are reported in the same order again. */
        struct watch *watch = events[(agent->turn + (size_t)i) % (size_t)count].data.ptr;
        if (watch->fd >= 0 && (watch->stream == NULL || !watch->stream->dead)) {
            watch->ready(agent, watch, events[i].events);
        }
    }
}

static void move_output(struct agent *agent, bool streams_ready)
{
    agent->pumped_first = !agent->pumped_first;
    agent->turn += agent->pumped_first;
    if (agent->pumped_first) {
        streams_pump(agent);
    }
    if (streams_ready && link_has_room(&agent->link)) {
        handle_streams(agent);
    }
    if (!agent->pumped_first) {
        streams_pump(agent);
    }
}

static int choose_timeout(struct agent *agent, int retry_ms)
{
    if (agent->frames_wait && link_accepts_input(&agent->link)) {
        return 0;
    }
    if (link_has_room(&agent->link) && streams_can_pump(agent)) {
        return 0;
    }
    bool timed = agent->timed_streams > 0 || agent->jobs.due_ns != NEVER_DUE;
    int tick_ms = timed ? streams_next_tick_ms(agent, monotonic_ns()) : -1;
    if (tick_ms < 0 || (retry_ms >= 0 && retry_ms < tick_ms)) {
        return retry_ms;
    }
    return tick_ms;
}

struct round {
    bool link_ready;
    bool hung_up;
    bool signals;
    bool streams;
};

static struct round wait_for_work(struct agent *agent, int timeout_ms)
{
    struct epoll_event events[MAX_EVENTS];
    struct round round = {false, false, false, false};
    int count = epoll_wait(agent->main_epoll, events, MAX_EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        if (watch == &agent->link_watch) {
            round.link_ready = true;
            round.hung_up = (events[i].events & EPOLLHUP) != 0;
        } else if (watch == &agent->signal_watch) {
            round.signals = true;
        } else if (events[i].data.ptr == agent) {
            round.streams = true;
        } else if (watch->fd >= 0) {
            watch->ready(agent, watch, events[i].events);
        }
    }
    return round;
}

/* While the host is away the port tells by a signal when it comes; while it is there the same signal would come with every frame. */
static void expect_host(struct agent *agent, bool expected)
{
    fcntl(agent->link.fd, F_SETOWN, getpid());
    fcntl(agent->link.fd, F_SETFL, O_NONBLOCK | (expected ? O_ASYNC : 0));
}

void agent_serve(struct agent *agent, bool port_returns)
{
    bool connected = true;
    int retry_ms = FIRST_RETRY_MS;
    for (;;) {
        uint32_t wanted = (link_accepts_input(&agent->link) ? EPOLLIN : 0u) |
                          (link_is_congested(&agent->link) ? EPOLLOUT : 0u);
        /* A port without a host is reported as hung up for as long as it is so: it must not be waited for. */
        set_link_events(agent, connected ? wanted : 0);
        watch_streams(agent, link_has_room(&agent->link));
        struct round round = wait_for_work(agent, choose_timeout(agent, connected ? -1 : retry_ms));
        if (round.hung_up) {
            /* Nobody will take it. Full, it would keep the port from being read, and the end of the host from being seen. */
            link_drop_output(&agent->link);
        }
        if (!connected || round.link_ready || agent->frames_wait) {
            bool found = read_link(agent);
            if (!found && !port_returns) {
                return;
            }
            if (found != connected) {
                expect_host(agent, !found);
                connected = found;
            }
            retry_ms = connected ? FIRST_RETRY_MS : retry_ms * 2 > LAST_RETRY_MS ? LAST_RETRY_MS : retry_ms * 2;
        }
        if (round.signals) {
            read_signals(agent);
        }
        move_output(agent, round.streams);
        if (agent->timed_streams > 0) {
            streams_tick(agent, monotonic_ns());
        }
        if (agent->jobs.due_ns != NEVER_DUE) {
            jobs_tick(agent, monotonic_ns());
        }
        if (connected && !link_flush(&agent->link) && !port_returns) {
            return;
        }
        if (streams_free_dead(agent) && agent->forwards_paused) {
            forwards_resume(agent);
        }
    }
}
