#include "exec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "exec-ends.h"
#include "exec-request.h"
#include "exec-start.h"
#include "leftovers.h"
#include "system/clock.h"

struct exec_stream {
    /* `in` and `out` are the command's input and output; its time runs while what it left in its pipes is drained. */
    struct stream stream;
    struct watch err;
    pid_t pid;
    bool is_pty;
    bool tells_process;
    /* The command's side of its terminal, held open until it ends: with none open, ours would report an error for good. */
    int terminal;
    bool exited;
    /* Nobody was left in the process group when its leader was reaped: its number may be somebody else's now. */
    bool group_gone;
    int exit_status;
    uint64_t started_ns;
    /* What the pipes held when the main process ended: delivered whatever it takes. */
    size_t must_drain;
};

static struct exec_stream *exec_of(struct stream *stream)
{
    return (struct exec_stream *)stream;
}

static void send_exit(struct agent *agent, uint32_t id, int code, uint32_t error, uint64_t started_ns,
                      const char *diagnostic)
{
    struct __attribute__((packed)) {
        int32_t code;
        uint32_t error;
        uint64_t nanoseconds;
    } head = {code, error, monotonic_ns() - started_ns};
    link_send_parts(&agent->link, KIND_EXIT, id, &head, sizeof head, diagnostic, strlen(diagnostic));
}

/* When it runs, with no signal; and before EXIT where a signal ended it. */
static void tell_process(struct agent *agent, const struct exec_stream *exec, uint32_t signal)
{
    const uint32_t process[] = {(uint32_t)exec->pid, signal};
    if (exec->tells_process) {
        link_send(&agent->link, KIND_PROCESS, exec->stream.id, process, sizeof process);
    }
}

static void refuse(struct agent *agent, uint32_t id, uint32_t error, const char *what)
{
    char diagnostic[MAX_TEXT_BYTES];
    snprintf(diagnostic, sizeof diagnostic, "%.3000s: %s", what, strerror((int)error));
    send_exit(agent, id, exit_code_of_failure((int)error), error, monotonic_ns(), diagnostic);
}

static void finish_if_over(struct agent *agent, struct exec_stream *exec);

static void output_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    struct exec_stream *exec = exec_of(watch->stream);
    ssize_t bytes = stream_pump(agent, watch->stream, watch, watch == &exec->err ? KIND_DATA_ERR : KIND_DATA);
    if (bytes > 0) {
        exec->must_drain -= (size_t)bytes < exec->must_drain ? (size_t)bytes : exec->must_drain;
    } else if (bytes != -EAGAIN && bytes != -EINTR) {
        watch_close(watch); /* End of file; a terminal says EIO when its last user is gone. */
        finish_if_over(agent, exec);
    }
}

/* A terminal has no end but the one that is typed. It is not of the host's bytes: no credit is given for it. False while there is no room. */
static bool type_end_of_file(struct exec_stream *exec)
{
    static const uint8_t end_of_file = 4;
    if (write(exec->stream.in.fd, &end_of_file, 1) < 0 && (errno == EAGAIN || errno == EINTR)) {
        watch_set(&exec->stream.in, EPOLLOUT);
        return false;
    }
    return true;
}

static void push_input(struct agent *agent, struct exec_stream *exec)
{
    struct stream *stream = &exec->stream;
    if (stream_flush_input(agent, stream) != 0) {
        stream_discard_input(agent, stream);
    } else if (stream->input_ended && stream->input.length == 0 && (!exec->is_pty || type_end_of_file(exec))) {
        watch_close(&stream->in);
    }
}

static void input_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    push_input(agent, exec_of(watch->stream));
}

static void start(struct agent *agent, struct exec_stream *exec, const struct exec_ends *ends, pid_t pid)
{
    struct stream *stream = &exec->stream;
    exec->pid = pid;
    watch_open(&stream->in, ends->ours[0], agent->stream_epoll, stream, input_ready);
    watch_open(&stream->out, ends->ours[1], agent->stream_epoll, stream, output_ready);
    watch_open(&exec->err, ends->ours[2], agent->stream_epoll, stream, output_ready);
    watch_set(&stream->out, EPOLLIN);
    watch_set(&exec->err, EPOLLIN);
}

static struct exec_stream *open_stream(struct agent *agent, uint32_t id)
{
    struct exec_stream *exec = exec_of(stream_open(agent, id, &exec_kind));
    if (exec != NULL) {
        exec->err.fd = exec->terminal = -1;
        exec->started_ns = monotonic_ns();
    }
    return exec;
}

static void run(struct agent *agent, uint32_t id, struct exec_request *request, const struct account *account)
{
    struct exec_stream *exec = open_stream(agent, id);
    if (exec == NULL) {
        refuse(agent, id, EMFILE, "cannot start another command");
        return;
    }
    struct exec_ends ends;
    const char *culprit;
    pid_t pid = exec_start(request, account, &ends, &exec->terminal, &culprit);
    if (pid < 0) {
        refuse(agent, id, (uint32_t)-pid, culprit);
        stream_close(agent, &exec->stream);
        return;
    }
    exec->is_pty = request->pty;
    exec->tells_process = request->tells_process;
    start(agent, exec, &ends, pid);
    tell_process(agent, exec, 0);
}

static void open_exec(struct agent *agent, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct exec_request request;
    struct account account;
    if (!exec_request_parse(&request, bytes, length)) {
        refuse(agent, id, EINVAL, "the request is broken");
    } else if (!account_find(request.user != NULL ? request.user : "0", &account)) {
        refuse(agent, id, EINVAL, "there is no such user");
    } else if (!exec_request_add_account(&request, &account)) {
        refuse(agent, id, ENOMEM, request.argv[0]);
    } else {
        run(agent, id, &request, &account);
    }
    exec_request_free(&request);
}

static void receive_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length)
{
    if (stream->in.fd < 0 || stream->input_ended) {
        stream_consumed(agent, stream, (uint32_t)length);
    } else if (!stream_queue_input(stream, bytes, length)) {
        stream_reset(agent, stream, ENOMEM);
    } else {
        push_input(agent, exec_of(stream));
    }
}

static void receive_end(struct agent *agent, struct stream *stream)
{
    if (stream->in.fd < 0 || stream->input_ended) {
        return;
    }
    stream->input_ended = true;
    push_input(agent, exec_of(stream));
}

static void resume_output(struct agent *agent, struct stream *stream)
{
    (void)agent;
    watch_set(&stream->out, EPOLLIN);
    watch_set(&exec_of(stream)->err, EPOLLIN);
}

static void send_signal(const struct exec_stream *exec, uint32_t number)
{
    if (!exec->exited && number > 0 && number < NSIG) {
        kill(-exec->pid, (int)number);
    }
}

static void resize(const struct exec_stream *exec, uint16_t rows, uint16_t columns)
{
    const struct winsize size = {.ws_row = rows, .ws_col = columns};
    if (exec->is_pty && exec->stream.out.fd >= 0) {
        ioctl(exec->stream.out.fd, TIOCSWINSZ, &size);
    }
}

static void receive_frame(struct stream *stream, const struct frame *frame)
{
    if (frame->kind == KIND_SIGNAL) {
        send_signal(exec_of(stream), frame_u32(frame));
    } else if (frame->kind == KIND_RESIZE) {
        resize(exec_of(stream), frame_u16(frame, 0), frame_u16(frame, 2));
    }
}

static void kill_group(struct stream *stream)
{
    const struct exec_stream *exec = exec_of(stream);
    /* The group may outlive its leader; its number is not used again while a member lives. */
    if (!exec->group_gone) {
        kill(-exec->pid, SIGKILL);
    }
}

/* Hands an open output over to be read and thrown away. */
static void let_go(struct agent *agent, struct watch *watch)
{
    if (watch->fd < 0) {
        return;
    }
    watch_set(watch, 0);
    leftover_add(agent, watch->fd);
    watch->fd = -1;
}

static void detach(struct agent *agent, struct stream *stream)
{
    let_go(agent, &stream->out);
    let_go(agent, &exec_of(stream)->err);
}

static void release(struct stream *stream)
{
    struct exec_stream *exec = exec_of(stream);
    watch_close(&exec->err);
    if (exec->terminal >= 0) {
        close(exec->terminal);
    }
}

static void finish(struct agent *agent, struct exec_stream *exec)
{
    if (WIFSIGNALED(exec->exit_status)) {
        tell_process(agent, exec, (uint32_t)WTERMSIG(exec->exit_status));
    }
    send_exit(agent, exec->stream.id, exit_code_of_status(exec->exit_status), 0, exec->started_ns, "");
    stream_detach(agent, &exec->stream);
}

static void finish_if_over(struct agent *agent, struct exec_stream *exec)
{
    if (exec->exited && exec->stream.out.fd < 0 && exec->err.fd < 0) {
        finish(agent, exec);
    }
}

static bool child_ended(struct agent *agent, struct stream *stream, pid_t pid, int status)
{
    struct exec_stream *exec = exec_of(stream);
    if (exec->pid != pid || exec->exited) {
        return false;
    }
    exec->exited = true;
    exec->exit_status = status;
    exec->must_drain = waiting_bytes(stream->out.fd) + waiting_bytes(exec->err.fd);
    exec->group_gone = kill(-exec->pid, 0) < 0;
    stream_start_timer(agent, stream);
    if (exec->terminal >= 0) {
        close(exec->terminal); /* Those who have it still are the last: without them its end can be seen. */
        exec->terminal = -1;
    }
    resume_output(agent, stream);
    finish_if_over(agent, exec);
    return true;
}

/* Nothing can be drained before credit comes or the port has room: either wakes the agent, so no time need run. */
static bool drain_is_held(const struct agent *agent, const struct exec_stream *exec)
{
    return exec->stream.window == 0 || (exec->must_drain > 0 && link_is_congested(&agent->link));
}

/* Who has a pipe of ours open for writing can open it for reading, too: what he takes out will never come. */
static bool still_waits(struct exec_stream *exec)
{
    if (exec->must_drain > 0 && waiting_bytes(exec->stream.out.fd) + waiting_bytes(exec->err.fd) == 0) {
        exec->must_drain = 0;
    }
    return exec->must_drain > 0;
}

static void check_drain(struct agent *agent, struct stream *stream, uint64_t now_ns)
{
    const uint64_t deadline_ns = now_ns + (uint64_t)DRAIN_MS * 1000000u;
    struct exec_stream *exec = exec_of(stream);
    if (drain_is_held(agent, exec)) {
        /* A host that reads slowly must not cost the command its last words. A port that others keep busy is no reason to wait. */
        stream->due_ns = NEVER_DUE;
    } else if (stream->due_ns == NEVER_DUE) {
        stream->due_ns = deadline_ns;
    } else if (now_ns >= stream->due_ns) {
        if (still_waits(exec)) {
            stream->due_ns = deadline_ns;
        } else {
            finish(agent, exec);
        }
    }
}

const struct stream_kind exec_kind = {
    .bytes = sizeof(struct exec_stream),
    .opened_by = KIND_OPEN_EXEC,
    .open = open_exec,
    .data = receive_data,
    .end = receive_end,
    .resume = resume_output,
    .frame = receive_frame,
    .tick = check_drain,
    .child_ended = child_ended,
    .kill = kill_group,
    .detach = detach,
    .release = release,
};
