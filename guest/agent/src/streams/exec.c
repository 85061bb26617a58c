#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"
#include "exec-request.h"
#include "system/spawn.h"

enum {
    /* As large as the kernel gives to anybody: fewer, larger reads. */
    PIPE_BYTES = 262144,
    DRAIN_MS = 100,
    EXIT_CANNOT_EXECUTE = 126,
    EXIT_NOT_FOUND = 127,
};

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

static void refuse(struct agent *agent, uint32_t id, uint32_t error, const char *what)
{
    char diagnostic[MAX_TEXT_BYTES];
    snprintf(diagnostic, sizeof diagnostic, "%.3000s: %s", what, strerror((int)error));
    int code = error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
    send_exit(agent, id, code, error, monotonic_ns(), diagnostic);
}

static const char *working_folder(const struct exec_request *request)
{
    struct stat found;
    if (request->cwd != NULL) {
        return request->cwd;
    }
    return stat("/root", &found) == 0 && S_ISDIR(found.st_mode) ? "/root" : "/";
}

static void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Ends of pipes or of a terminal: ours and the command's. */
struct ends {
    int ours[3];
    int theirs[3];
};

static void close_ends(const int *ends)
{
    for (int i = 0; i < 3; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
}

static int open_pipe(int *read_end, int *write_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -1;
    }
    fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

static bool open_pipes(struct ends *ends, bool stdin_open)
{
    int failed = stdin_open ? open_pipe(&ends->theirs[0], &ends->ours[0])
                            : (ends->theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0;
    return !failed && open_pipe(&ends->ours[1], &ends->theirs[1]) == 0 &&
           open_pipe(&ends->ours[2], &ends->theirs[2]) == 0;
}

static bool open_terminal(struct ends *ends, const struct winsize *size)
{
    int master, slave;
    if (openpty(&master, &slave, NULL, NULL, size) < 0) {
        return false;
    }
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    ends->ours[1] = master;
    ends->ours[0] = fcntl(master, F_DUPFD_CLOEXEC, 0);
    ends->theirs[0] = slave;
    ends->theirs[1] = fcntl(slave, F_DUPFD_CLOEXEC, 0);
    ends->theirs[2] = fcntl(slave, F_DUPFD_CLOEXEC, 0);
    return ends->ours[0] >= 0 && ends->theirs[1] >= 0 && ends->theirs[2] >= 0;
}

static void finish_if_over(struct agent *agent, struct stream *stream);

static void output_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    struct stream *stream = watch->stream;
    ssize_t bytes = stream_pump(agent, stream, watch, watch == &stream->out ? KIND_DATA : KIND_DATA_ERR);
    if (bytes > 0) {
        stream->must_drain -= (size_t)bytes < stream->must_drain ? (size_t)bytes : stream->must_drain;
    } else if (bytes != -EAGAIN && bytes != -EINTR) {
        watch_close(agent, watch); /* End of file; a terminal says EIO when its last user is gone. */
        finish_if_over(agent, stream);
    }
}

/* A terminal has no end but the one that is typed. It is not of the host's bytes: no credit is given for it. False while there is no room. */
static bool type_end_of_file(struct agent *agent, struct stream *stream)
{
    static const uint8_t end_of_file = 4;
    if (write(stream->in.fd, &end_of_file, 1) < 0 && (errno == EAGAIN || errno == EINTR)) {
        watch_set(agent, &stream->in, EPOLLOUT);
        return false;
    }
    return true;
}

static void push_input(struct agent *agent, struct stream *stream)
{
    if (stream_flush_input(agent, stream) != 0) {
        stream_discard_input(agent, stream);
    } else if (stream->input_ended && stream->input.length == 0 &&
               (!stream->is_pty || type_end_of_file(agent, stream))) {
        watch_close(agent, &stream->in);
    }
}

static void input_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    push_input(agent, watch->stream);
}

static void start(struct agent *agent, struct stream *stream, const struct ends *ends, pid_t pid)
{
    stream->pid = pid;
    for (int i = 0; i < 3; i++) {
        if (ends->ours[i] >= 0) {
            set_nonblocking(ends->ours[i]);
        }
    }
    watch_open(&stream->in, ends->ours[0], stream, input_ready);
    watch_open(&stream->out, ends->ours[1], stream, output_ready);
    watch_open(&stream->err, ends->ours[2], stream, output_ready);
    watch_set(agent, &stream->out, EPOLLIN);
    watch_set(agent, &stream->err, EPOLLIN);
}

static void run(struct agent *agent, uint32_t id, struct exec_request *request, const struct account *account)
{
    struct ends ends = {{-1, -1, -1}, {-1, -1, -1}};
    bool opened = request->pty ? open_terminal(&ends, &request->size) : open_pipes(&ends, request->stdin_open);
    struct stream *stream = opened ? stream_open(agent, id, STREAM_EXEC) : NULL;
    if (stream == NULL) {
        refuse(agent, id, opened ? EMFILE : (uint32_t)errno, "cannot start another command");
        close_ends(ends.ours);
        close_ends(ends.theirs);
        return;
    }
    const struct spawn_request spawning = {
        .argv = request->argv,
        .env = request->env,
        .cwd = working_folder(request),
        .account = account,
        .stdin_fd = ends.theirs[0],
        .stdout_fd = ends.theirs[1],
        .stderr_fd = ends.theirs[2],
        .controls_terminal = request->pty,
    };
    const char *culprit = request->argv[0];
    pid_t pid = spawn(&spawning, &culprit);
    if (request->pty) {
        stream->terminal = ends.theirs[0];
        ends.theirs[0] = -1;
    }
    close_ends(ends.theirs);
    if (pid < 0) {
        refuse(agent, id, (uint32_t)-pid, culprit);
        close_ends(ends.ours);
        stream_close(agent, stream);
        return;
    }
    stream->is_pty = request->pty;
    start(agent, stream, &ends, pid);
}

void exec_open(struct agent *agent, uint32_t id, const uint8_t *bytes, size_t length)
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

void exec_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length)
{
    if (stream->in.fd < 0 || stream->input_ended) {
        stream_consumed(agent, stream, (uint32_t)length);
    } else if (!stream_queue_input(stream, bytes, length)) {
        stream_reset(agent, stream, ENOMEM);
    } else {
        push_input(agent, stream);
    }
}

void exec_end(struct agent *agent, struct stream *stream)
{
    if (stream->in.fd < 0 || stream->input_ended) {
        return;
    }
    stream->input_ended = true;
    push_input(agent, stream);
}

void exec_signal(struct stream *stream, uint32_t number)
{
    if (!stream->exited && number > 0 && number < NSIG) {
        kill(-stream->pid, (int)number);
    }
}

void exec_resize(struct stream *stream, uint16_t rows, uint16_t columns)
{
    const struct winsize size = {.ws_row = rows, .ws_col = columns};
    if (stream->is_pty && stream->out.fd >= 0) {
        ioctl(stream->out.fd, TIOCSWINSZ, &size);
    }
}

void exec_kill(struct agent *agent, struct stream *stream)
{
    /* The group may outlive its leader; its number is not used again while a member lives. */
    if (!stream->group_gone) {
        kill(-stream->pid, SIGKILL);
    }
    stream_close(agent, stream);
}

/* Hands an open output over to be read and thrown away. */
static void let_go(struct agent *agent, struct watch *watch)
{
    if (watch->fd < 0) {
        return;
    }
    watch_set(agent, watch, 0);
    leftover_add(agent, watch->fd);
    watch->fd = -1;
}

void exec_detach(struct agent *agent, struct stream *stream)
{
    let_go(agent, &stream->out);
    let_go(agent, &stream->err);
    stream_close(agent, stream);
}

void exec_resume_output(struct agent *agent, struct stream *stream)
{
    watch_set(agent, &stream->out, EPOLLIN);
    watch_set(agent, &stream->err, EPOLLIN);
}

static void finish(struct agent *agent, struct stream *stream)
{
    int status = stream->exit_status;
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    send_exit(agent, stream->id, code, 0, stream->started_ns, "");
    exec_detach(agent, stream);
}

static void finish_if_over(struct agent *agent, struct stream *stream)
{
    if (stream->exited && stream->out.fd < 0 && stream->err.fd < 0) {
        finish(agent, stream);
    }
}

static size_t waiting_bytes(const struct watch *watch)
{
    int bytes = 0;
    return watch->fd >= 0 && ioctl(watch->fd, FIONREAD, &bytes) == 0 ? (size_t)bytes : 0;
}

static void ended(struct agent *agent, struct stream *stream, int status)
{
    stream->exited = true;
    stream->exit_status = status;
    stream->must_drain = waiting_bytes(&stream->out) + waiting_bytes(&stream->err);
    stream->group_gone = kill(-stream->pid, 0) < 0;
    stream->drain_deadline_ns = DRAIN_HELD;
    agent->draining++;
    if (stream->terminal >= 0) {
        close(stream->terminal); /* Those who have it still are the last: without them its end can be seen. */
        stream->terminal = -1;
    }
    exec_resume_output(agent, stream);
    finish_if_over(agent, stream);
}

static struct stream *find_by_pid(struct agent *agent, pid_t pid)
{
    for (size_t i = 0; i < agent->stream_count; i++) {
        struct stream *stream = agent->streams[i];
        if (stream->kind == STREAM_EXEC && stream->pid == pid && !stream->exited) {
            return stream;
        }
    }
    return NULL;
}

void exec_reap(struct agent *agent)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct stream *stream = find_by_pid(agent, pid);
        if (stream != NULL) {
            ended(agent, stream, status);
        }
    }
}

/* Nothing can be drained before credit comes or the port has room: either wakes the agent, so no time need run. */
static bool drain_is_held(const struct agent *agent, const struct stream *stream)
{
    return stream->window == 0 || (stream->must_drain > 0 && link_is_congested(&agent->link));
}

/* Who has a pipe of ours open for writing can open it for reading, too: what he takes out will never come. */
static bool still_waits(struct stream *stream)
{
    if (stream->must_drain > 0 && waiting_bytes(&stream->out) + waiting_bytes(&stream->err) == 0) {
        stream->must_drain = 0;
    }
    return stream->must_drain > 0;
}

void exec_check_drains(struct agent *agent, uint64_t now_ns)
{
    const uint64_t deadline_ns = now_ns + (uint64_t)DRAIN_MS * 1000000u;
    for (size_t i = agent->draining == 0 ? 0 : agent->stream_count; i-- > 0;) {
        struct stream *stream = agent->streams[i];
        if (stream->kind != STREAM_EXEC || !stream->exited) {
            continue;
        }
        if (drain_is_held(agent, stream)) {
            /* A host that reads slowly must not cost the command its last words. A port that others keep busy is no reason to wait. */
            stream->drain_deadline_ns = DRAIN_HELD;
        } else if (stream->drain_deadline_ns == DRAIN_HELD) {
            stream->drain_deadline_ns = deadline_ns;
        } else if (now_ns >= stream->drain_deadline_ns) {
            if (still_waits(stream)) {
                stream->drain_deadline_ns = deadline_ns;
            } else {
                finish(agent, stream);
            }
        }
    }
}

int exec_next_drain_ms(struct agent *agent, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = 0; agent->draining > 0 && i < agent->stream_count; i++) {
        const struct stream *stream = agent->streams[i];
        if (stream->kind == STREAM_EXEC && stream->exited && stream->drain_deadline_ns < next_ns) {
            next_ns = stream->drain_deadline_ns;
        }
    }
    if (next_ns == UINT64_MAX) {
        return -1;
    }
    return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns) / 1000000u) + 1;
}
