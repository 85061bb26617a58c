/* The loop of a port, and what it asks of a kind of stream. */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "link/link.h"
#include "loop/dispatch.h"
#include "loop/serve.h"
#include "streams/stream.h"
#include "streams/turns.h"
#include "unit.h"

/* The port of a VM without a host reports its hang-up for as long as it lasts, even when much waits to be written to it. */
static void a_port_without_a_host_costs_no_time(void)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        struct agent *agent = agent_new(ends[0]);
        static uint8_t payload[MAX_TEXT_BYTES];
        /* More than the mark and what a socket takes. */
        for (int i = 0; i < 125; i++) {
            link_send(&agent->link, KIND_DONE, 1, payload, sizeof payload);
        }
        agent_serve(agent, true);
        _exit(0);
    }
    close(ends[0]);
    /* It writes what the socket takes, and then the host is gone. */
    struct timespec pause = {.tv_nsec = 200000000};
    nanosleep(&pause, NULL);
    close(ends[1]);
    pause.tv_nsec = 600000000;
    nanosleep(&pause, NULL);
    CHECK(kill(pid, SIGKILL) == 0);
    struct rusage usage;
    int status;
    CHECK(wait4(pid, &status, 0, &usage) == pid && WIFSIGNALED(status));
    CHECK(usage.ru_nvcsw + usage.ru_nivcsw < 200 && usage.ru_utime.tv_usec + usage.ru_stime.tv_usec < 100000);
}

/* A kind that notes what it is asked, a letter each. */
static char asked[64];

static void ask(char letter)
{
    size_t length = strlen(asked);
    CHECK(length + 1 < sizeof asked);
    asked[length] = letter;
    asked[length + 1] = 0;
}

static void noting_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length)
{
    CHECK(length == 2 && memcmp(bytes, "hi", 2) == 0);
    stream_consumed(agent, stream, (uint32_t)length);
    ask('d');
}

static void noting_end(struct agent *agent, struct stream *stream)
{
    (void)agent, (void)stream;
    ask('e');
}

static void noting_resume(struct agent *agent, struct stream *stream)
{
    (void)agent, (void)stream;
    ask('c');
}

static void noting_frame(struct stream *stream, const struct frame *frame)
{
    (void)stream;
    CHECK(frame->kind == KIND_SIGNAL && frame_u32(frame) == 9);
    ask('f');
}

static void noting_pump(struct agent *agent, struct stream *stream)
{
    (void)agent;
    stream->window = 0;
    ask('p');
}

static void noting_tick(struct agent *agent, struct stream *stream, uint64_t now_ns)
{
    (void)agent;
    stream->due_ns = now_ns + 5000000;
    ask('t');
}

static void noting_kill(struct stream *stream)
{
    (void)stream;
    ask('k');
}

static void noting_detach(struct agent *agent, struct stream *stream)
{
    (void)agent, (void)stream;
    ask('l');
}

static void noting_release(struct stream *stream)
{
    (void)stream;
    ask('r');
}

static const struct stream_kind noting_kind = {
    .bytes = sizeof(struct stream),
    .data = noting_data,
    .end = noting_end,
    .resume = noting_resume,
    .frame = noting_frame,
    .pump = noting_pump,
    .tick = noting_tick,
    .kill = noting_kill,
    .detach = noting_detach,
    .release = noting_release,
};

static const struct stream_kind silent_kind = {.bytes = sizeof(struct stream)};

static void tell(struct agent *agent, uint8_t kind, uint32_t stream, const void *payload, uint32_t length)
{
    const struct frame frame = {.kind = kind, .session = 7, .stream = stream, .length = length, .payload = payload};
    dispatch(agent, &frame);
}

static void greet(struct agent *agent, uint8_t generation)
{
    uint8_t payload[HELLO_BYTES] = HELLO_MARKER;
    static uint8_t nonce;
    payload[MARKER_BYTES] = generation;
    payload[HELLO_BYTES - 1] = ++nonce;
    tell(agent, KIND_HELLO, 0, payload, sizeof payload);
}

/* Neither the loop nor what reads frames knows the kinds: one that they have never seen is asked all that it has a function for, and nothing else. */
static void a_new_kind_needs_its_table_alone(void)
{
    int ends[2];
    const uint32_t number = 9;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    struct agent *agent = agent_new(ends[0]);
    greet(agent, 1);
    struct stream *stream = stream_open(agent, 3, &noting_kind);
    CHECK(stream != NULL && stream_open(agent, 3, &noting_kind) == NULL);
    tell(agent, KIND_DATA, 3, "hi", 2);
    tell(agent, KIND_SIGNAL, 3, &number, sizeof number);
    tell(agent, KIND_END, 3, NULL, 0);
    CHECK(streams_can_pump(agent) && link_flush(&agent->link));
    streams_pump(agent);
    streams_pump(agent);
    CHECK(!streams_can_pump(agent)); /* Without a window it is not asked again. */
    tell(agent, KIND_CREDIT, 3, &number, sizeof number);
    streams_tick(agent, 1000);
    stream_start_timer(agent, stream);
    CHECK(streams_next_tick_ms(agent, 1000) == -1);
    streams_tick(agent, 1000);
    CHECK(streams_next_tick_ms(agent, 1000) == 6 && streams_next_tick_ms(agent, 9000000) == 0);
    tell(agent, KIND_RESET, 3, &number, sizeof number);
    CHECK(strcmp(asked, "dfepctkr") == 0 && stream_find(agent, 3) == NULL);
    CHECK(agent->timed_streams == 0 && agent->pumped_streams == 0);

    /* A VM that was restored leaves what ran to itself; a host that comes back ends it. */
    asked[0] = 0;
    stream_open(agent, 4, &noting_kind);
    greet(agent, 2);
    stream_open(agent, 4, &noting_kind);
    greet(agent, 2);
    CHECK(strcmp(asked, "lrkr") == 0);

    CHECK(stream_open(agent, 5, &silent_kind) != NULL);
    tell(agent, KIND_SIGNAL, 5, &number, sizeof number);
    tell(agent, KIND_END, 5, NULL, 0);
    tell(agent, KIND_CREDIT, 5, &(uint32_t){0}, sizeof(uint32_t));
    CHECK(stream_find(agent, 5) != NULL && !streams_can_pump(agent));
    tell(agent, KIND_DATA, 5, "hi", 2);
    CHECK(stream_find(agent, 5) == NULL); /* It takes no data. */
    CHECK(streams_free_dead(agent) && !streams_free_dead(agent));
    agent_free(agent);
    close(ends[0]);
    close(ends[1]);
}

void test_loop(void)
{
    a_port_without_a_host_costs_no_time();
    a_new_kind_needs_its_table_alone();
}
