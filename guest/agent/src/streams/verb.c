#include "verb.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "files/verbs.h"
#include "system/account.h"
#include "system/spawn.h"
#include "volumes/pump.h"

struct verb_stream {
    /* `out` is what the child tells. */
    struct stream stream;
    pid_t pid;
    bool exited;
    int status;
    char *path;
};

static struct verb_stream *verb_of(struct stream *stream)
{
    return (struct verb_stream *)stream;
}

static void send_done(struct agent *agent, uint32_t id, uint32_t error, const char *path)
{
    char text[MAX_TEXT_BYTES] = "";
    if (error != 0) {
        snprintf(text, sizeof text, "%.3000s: %s", path, strerror((int)error));
    }
    link_send_parts(&agent->link, KIND_DONE, id, &error, sizeof error, text, strlen(text));
}

static void finish_if_over(struct agent *agent, struct verb_stream *verb)
{
    if (!verb->exited || verb->stream.out.fd >= 0) {
        return;
    }
    /* One that was killed had no time to say more. */
    uint32_t error = WIFEXITED(verb->status) ? (uint32_t)WEXITSTATUS(verb->status) : EINTR;
    send_done(agent, verb->stream.id, error, verb->path);
    stream_close(agent, &verb->stream);
}

static void output_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    ssize_t bytes = stream_pump(agent, watch->stream, watch, KIND_DATA);
    if (bytes <= 0 && bytes != -EAGAIN && bytes != -EINTR) {
        watch_close(watch);
        finish_if_over(agent, verb_of(watch->stream));
    }
}

/* 0 or an errno; the stream then has nothing. */
static int start(struct agent *agent, struct verb_stream *verb, struct verb_request *request)
{
    struct account account = {.uid = geteuid(), .gid = getegid()};
    int ends[2];
    if (request->user != NULL && !account_find(request->user, &account)) {
        return EINVAL;
    }
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        return errno;
    }
    /* Its connection is made by the child; a failure of this is one of that. */
    if (request->verb == VERB_MOUNT && !agent->leaves_machine_alone) {
        pump_start();
    }
    /* The child waits for room. */
    fcntl(ends[1], F_SETFL, 0);
    pid_t pid = spawn_work(&account, ends[1], verb_run, request);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -pid;
    }
    verb->pid = pid;
    verb->path = request->path;
    request->path = NULL;
    watch_open(&verb->stream.out, ends[0], agent->stream_epoll, &verb->stream, output_ready);
    watch_set(&verb->stream.out, EPOLLIN);
    return 0;
}

static void open_verb(struct agent *agent, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct verb_request request;
    bool sound = verb_request_parse(&request, bytes, length);
    struct stream *stream = sound ? stream_open(agent, id, &verb_kind) : NULL;
    if (stream == NULL) {
        send_done(agent, id, sound ? EMFILE : EINVAL, "cannot be done");
    } else {
        int error = start(agent, verb_of(stream), &request);
        if (error != 0) {
            send_done(agent, id, (uint32_t)error, request.path);
            stream_close(agent, stream);
        }
    }
    verb_request_free(&request);
}

static void resume_output(struct agent *agent, struct stream *stream)
{
    (void)agent;
    watch_set(&stream->out, EPOLLIN);
}

static bool child_ended(struct agent *agent, struct stream *stream, pid_t pid, int status)
{
    struct verb_stream *verb = verb_of(stream);
    if (verb->pid != pid || verb->exited) {
        return false;
    }
    verb->exited = true;
    verb->status = status;
    finish_if_over(agent, verb);
    return true;
}

static void end_child(struct stream *stream)
{
    const struct verb_stream *verb = verb_of(stream);
    if (verb->pid > 0 && !verb->exited) {
        kill(verb->pid, SIGKILL);
    }
}

/* Nobody hears what it has to tell. */
static void detach(struct agent *agent, struct stream *stream)
{
    (void)agent;
    end_child(stream);
}

static void release(struct stream *stream)
{
    free(verb_of(stream)->path);
}

const struct stream_kind verb_kind = {
    .bytes = sizeof(struct verb_stream),
    .opened_by = KIND_OPEN_VERB,
    .open = open_verb,
    .resume = resume_output,
    .child_ended = child_ended,
    .kill = end_child,
    .detach = detach,
    .release = release,
};
