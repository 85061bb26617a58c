#include "job-stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent.h"
#include "job-describe.h"
#include "job-request.h"
#include "job.h"

/* In all forms of it `in` is a descriptor of its own for the job's input, and only INPUT has one. */
struct job_stream {
    struct stream stream;
    /* NULL for LIST. */
    struct job *job;
    uint16_t verb;
    /* ATTACH: where it is, whether the host knows, and whether it stays to the end. */
    struct ring_cursor cursor;
    bool placed;
    bool follow;
    /* INPUT: the command's input ends with it. */
    bool closes;
    /* LIST: the last that was told, and which one is asked for; empty for all. */
    uint64_t listed;
    char id[MAX_JOB_ID_BYTES + 1];
};

static struct job_stream *view_of(struct stream *stream)
{
    return (struct job_stream *)stream;
}

static void answer(struct agent *agent, uint32_t id, uint32_t error)
{
    const char *text = error == 0 ? "" : strerror((int)error);
    link_send_parts(&agent->link, KIND_DONE, id, &error, sizeof error, text, strlen(text));
}

static void finish(struct agent *agent, struct job_stream *view, uint32_t error)
{
    answer(agent, view->stream.id, error);
    stream_close(agent, &view->stream);
}

/* ATTACH. */

static void tell_place(struct agent *agent, struct job_stream *view)
{
    view->placed = true;
    link_send(&agent->link, KIND_AT, view->stream.id, &view->cursor.offset, sizeof view->cursor.offset);
}

static void tell_exit(struct agent *agent, struct job_stream *view)
{
    const struct job *job = view->job;
    const struct __attribute__((packed)) {
        int32_t code;
        uint32_t error;
        uint64_t nanoseconds;
    } end = {job->exit_code, job->timed_out ? ETIMEDOUT : job->error, job->took_ns};
    link_send(&agent->link, KIND_EXIT, view->stream.id, &end, sizeof end);
    stream_close(agent, &view->stream);
}

static void pump_output(struct agent *agent, struct job_stream *view)
{
    struct stream *stream = &view->stream;
    /* What a reader was too slow for is lost to it, and it is told where it goes on. */
    if (ring_catch_up(&view->job->ring, &view->cursor) || !view->placed) {
        tell_place(agent, view);
        return;
    }
    uint8_t channel;
    size_t room = stream->window < FRAME_MAX_PAYLOAD ? stream->window : FRAME_MAX_PAYLOAD;
    size_t bytes = ring_read(&view->job->ring, &view->cursor, &channel, link_data_space(&agent->link), room);
    if (bytes > 0) {
        stream->window -= (uint32_t)bytes;
        link_send_data(&agent->link, channel == 0 ? KIND_DATA : KIND_DATA_ERR, stream->id, bytes);
    } else if (view->job->over) {
        tell_exit(agent, view);
    } else if (!view->follow) {
        finish(agent, view, 0);
    } else {
        stream->dry = true;
    }
}

/* LIST. */

static const struct job *next_listed(const struct agent *agent, const struct job_stream *view)
{
    const struct job *job = agent->jobs.first;
    while (job != NULL && (job->number <= view->listed || (view->id[0] != 0 && strcmp(job->id, view->id) != 0))) {
        job = job->next;
    }
    return job;
}

static void pump_list(struct agent *agent, struct job_stream *view)
{
    const struct job *job = next_listed(agent, view);
    if (job == NULL) {
        finish(agent, view, 0);
        return;
    }
    size_t length = job_describe(agent, job, link_data_space(&agent->link));
    if (length > view->stream.window) {
        view->stream.dry = true;
        return;
    }
    view->listed = job->number;
    view->stream.window -= (uint32_t)length;
    link_send_data(&agent->link, KIND_DATA, view->stream.id, length);
}

static void receive_credit(struct agent *agent, struct stream *stream)
{
    (void)agent;
    if (view_of(stream)->verb == JOB_LIST) {
        stream->dry = false;
    }
}

static void pump(struct agent *agent, struct stream *stream)
{
    struct job_stream *view = view_of(stream);
    if (view->verb == JOB_ATTACH) {
        pump_output(agent, view);
    } else {
        pump_list(agent, view);
    }
}

/* INPUT. */

/* A terminal has no end but the one that is typed. False while there is no room. */
static bool type_end_of_file(struct job_stream *view)
{
    static const uint8_t end_of_file = 4;
    if (write(view->stream.in.fd, &end_of_file, 1) < 0 && (errno == EAGAIN || errno == EINTR)) {
        watch_set(&view->stream.in, EPOLLOUT);
        return false;
    }
    return true;
}

static void push_input(struct agent *agent, struct job_stream *view)
{
    struct stream *stream = &view->stream;
    struct job *job = view->job;
    if (stream_flush_input(agent, stream) != 0) {
        finish(agent, view, EPIPE);
        return;
    }
    if (!stream->input_ended || stream->input.length > 0) {
        return;
    }
    if (view->closes && job->is_pty && !type_end_of_file(view)) {
        return;
    }
    if (view->closes && !job->is_pty && job->in >= 0) {
        close(job->in);
        job->in = -1;
    }
    finish(agent, view, 0);
}

static void input_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    push_input(agent, view_of(watch->stream));
}

static void receive_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length)
{
    if (stream->in.fd < 0 || stream->input_ended || !stream_queue_input(stream, bytes, length)) {
        stream_reset(agent, stream, EPROTO);
    } else {
        push_input(agent, view_of(stream));
    }
}

static void receive_end(struct agent *agent, struct stream *stream)
{
    if (stream->in.fd >= 0 && !stream->input_ended) {
        stream->input_ended = true;
        push_input(agent, view_of(stream));
    }
}

static uint32_t open_input(struct agent *agent, struct job_stream *view)
{
    int fd = view->job->in < 0 ? -1 : fcntl(view->job->in, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return view->job->in < 0 ? EPIPE : (uint32_t)errno;
    }
    view->stream.dry = true;
    watch_open(&view->stream.in, fd, agent->stream_epoll, &view->stream, input_ready);
    return 0;
}

/* All of them. */

static void open_view(struct agent *agent, uint32_t id, const struct job_request *request, struct job *job)
{
    struct job_stream *view = view_of(stream_open(agent, id, &job_kind));
    if (view == NULL) {
        answer(agent, id, EMFILE);
        return;
    }
    view->job = job;
    view->verb = request->verb;
    view->closes = request->closes;
    view->follow = request->follow;
    strcpy(view->id, request->id);
    if (request->verb == JOB_ATTACH) {
        view->cursor = ring_seek(&job->ring, request->offset);
        view->placed = false;
    } else if (request->verb == JOB_INPUT) {
        uint32_t error = open_input(agent, view);
        if (error != 0) {
            finish(agent, view, error);
        }
    }
}

static void ask_of_job(struct agent *agent, uint32_t id, const struct job_request *request)
{
    struct job *job = job_find(agent, request->id);
    if (job == NULL) {
        answer(agent, id, ENOENT);
        return;
    }
    switch (request->verb) {
    case JOB_ATTACH:
    case JOB_INPUT:
        open_view(agent, id, request, job);
        return;
    case JOB_SIGNAL:
        answer(agent, id, job_signal(job, request->signal));
        return;
    case JOB_RESIZE:
        answer(agent, id, job_resize(job, request->exec.size.ws_row, request->exec.size.ws_col));
        return;
    case JOB_REMOVE:
        job_remove(agent, job);
        answer(agent, id, 0);
        return;
    default:
        answer(agent, id, EINVAL);
        return;
    }
}

static void open_job(struct agent *agent, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct job_request request;
    if (!job_request_parse(&request, bytes, length)) {
        answer(agent, id, EINVAL);
    } else if (request.verb == JOB_START) {
        answer(agent, id, job_start(agent, &request));
    } else if (request.verb == JOB_LIST) {
        open_view(agent, id, &request, NULL);
    } else {
        ask_of_job(agent, id, &request);
    }
    job_request_free(&request);
}

static void look(struct agent *agent, struct stream *stream, const struct job *job, bool gone)
{
    struct job_stream *view = view_of(stream);
    if (view->job != job) {
        return;
    }
    if (gone) {
        stream_reset(agent, stream, ESRCH);
    } else if (view->verb == JOB_ATTACH) {
        stream->dry = false;
    } else if (job->over) {
        finish(agent, view, EPIPE);
    }
}

const struct stream_kind job_kind = {
    .bytes = sizeof(struct job_stream),
    .opened_by = KIND_OPEN_JOB,
    .open = open_job,
    .data = receive_data,
    .end = receive_end,
    .resume = receive_credit,
    .pump = pump,
    .look = look,
};
