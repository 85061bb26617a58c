#include "turns.h"

#include <stdlib.h>
#include <sys/wait.h>

#include "agent.h"
#include "job.h"
#include "stream.h"

static bool can_pump(const struct stream *stream)
{
    return stream->kind->pump != NULL && stream->window > 0 && !stream->dry;
}

void streams_pump(struct agent *agent)
{
    size_t count = agent->pumped_streams == 0 ? 0 : agent->stream_count;
    for (size_t i = 0; i < count && link_has_room(&agent->link); i++) {
        size_t index = (agent->turn + i) % count;
        /* One that ends takes its place out of the table. */
        if (index < agent->stream_count && can_pump(agent->streams[index])) {
            agent->streams[index]->kind->pump(agent, agent->streams[index]);
        }
    }
}

bool streams_can_pump(const struct agent *agent)
{
    for (size_t i = 0; agent->pumped_streams > 0 && i < agent->stream_count; i++) {
        if (can_pump(agent->streams[i])) {
            return true;
        }
    }
    return false;
}

void streams_tick(struct agent *agent, uint64_t now_ns)
{
    /* From the last to the first: one that is closed gives its place to the last. */
    for (size_t i = agent->timed_streams == 0 ? 0 : agent->stream_count; i-- > 0;) {
        struct stream *stream = agent->streams[i];
        if (stream->timed) {
            stream->kind->tick(agent, stream, now_ns);
        }
    }
}

int streams_next_tick_ms(const struct agent *agent, uint64_t now_ns)
{
    uint64_t next_ns = agent->jobs.due_ns;
    for (size_t i = 0; agent->timed_streams > 0 && i < agent->stream_count; i++) {
        const struct stream *stream = agent->streams[i];
        if (stream->timed && stream->due_ns < next_ns) {
            next_ns = stream->due_ns;
        }
    }
    if (next_ns == NEVER_DUE) {
        return -1;
    }
    return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns) / 1000000u) + 1;
}

static void child_ended(struct agent *agent, pid_t pid, int status)
{
    for (size_t i = 0; i < agent->stream_count; i++) {
        struct stream *stream = agent->streams[i];
        if (stream->kind->child_ended != NULL && stream->kind->child_ended(agent, stream, pid, status)) {
            return;
        }
    }
}

void streams_reap(struct agent *agent)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (!jobs_child_ended(agent, pid, status)) {
            child_ended(agent, pid, status);
        }
    }
}

void streams_kill(struct agent *agent)
{
    while (agent->stream_count > 0) {
        stream_kill(agent, agent->streams[0]);
    }
}

void streams_detach(struct agent *agent)
{
    while (agent->stream_count > 0) {
        stream_detach(agent, agent->streams[0]);
    }
}

bool streams_free_dead(struct agent *agent)
{
    bool found = agent->dead_streams != NULL;
    while (agent->dead_streams != NULL) {
        struct stream *stream = agent->dead_streams;
        agent->dead_streams = stream->next_dead;
        free(stream->input.bytes);
        free(stream);
    }
    return found;
}
