#include "job.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "exec-start.h"
#include "job-info.h"
#include "job-request.h"
#include "leftovers.h"
#include "stream.h"
#include "system/clock.h"

enum { CHANNEL_OUT = 0, CHANNEL_ERR = 1 };

#define NS_PER_MS 1000000u

static uint64_t wall_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void find_next_due(struct agent *agent)
{
    agent->jobs.due_ns = NEVER_DUE;
    for (const struct job *job = agent->jobs.first; job != NULL; job = job->next) {
        if (job->due_ns < agent->jobs.due_ns) {
            agent->jobs.due_ns = job->due_ns;
        }
    }
}

void jobs_init(struct agent *agent)
{
    agent->jobs = (struct jobs){.due_ns = NEVER_DUE, .rings_budget = ALL_RINGS_BYTES};
}

struct job *job_find(const struct agent *agent, const char *id)
{
    struct job *job = agent->jobs.first;
    while (job != NULL && strcmp(job->id, id) != 0) {
        job = job->next;
    }
    return job;
}

static void close_input(struct job *job)
{
    if (job->in >= 0) {
        close(job->in);
        job->in = -1;
    }
}

static void close_terminal(struct job *job)
{
    if (job->terminal >= 0) {
        close(job->terminal);
        job->terminal = -1;
    }
}

static void take_out(struct agent *agent, struct job *job)
{
    struct job **at = &agent->jobs.first;
    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
    agent->jobs.count--;
}

static void free_job(struct job *job)
{
    watch_close(&job->out);
    watch_close(&job->err);
    close_input(job);
    close_terminal(job);
    ring_free(&job->ring);
    free(job->shown);
    free(job);
}

void job_remove(struct agent *agent, struct job *job)
{
    job_signal(job, SIGKILL);
    streams_look(agent, job, true);
    take_out(agent, job);
    free_job(job);
    find_next_due(agent);
}

void jobs_close(struct agent *agent)
{
    while (agent->jobs.first != NULL) {
        job_remove(agent, agent->jobs.first);
    }
}

static void append(struct agent *agent, struct job *job, uint8_t channel, const uint8_t *bytes, size_t length)
{
    ring_append(&job->ring, channel, bytes, length);
    streams_look(agent, job, false);
}

/* What read() returned; the watch is closed at the end. */
static ssize_t take_output(struct agent *agent, struct job *job, struct watch *watch, size_t room)
{
    static uint8_t piece[RING_PIECE_BYTES];
    ssize_t bytes = read(watch->fd, piece, room < sizeof piece ? room : sizeof piece);
    if (bytes > 0) {
        append(agent, job, watch == &job->err ? CHANNEL_ERR : CHANNEL_OUT, piece, (size_t)bytes);
    } else if (bytes == 0 || (errno != EAGAIN && errno != EINTR)) {
        watch_close(watch); /* End of file; a terminal says EIO when its last user is gone. */
    }
    return bytes;
}

static void let_go(struct agent *agent, struct watch *watch)
{
    if (watch->fd >= 0) {
        watch_set(watch, 0);
        leftover_add(agent, watch->fd);
        watch->fd = -1;
    }
}

static void finish(struct agent *agent, struct job *job)
{
    let_go(agent, &job->out);
    let_go(agent, &job->err);
    close_input(job);
    close_terminal(job);
    job->over = true;
    job->due_ns = NEVER_DUE;
    find_next_due(agent);
    streams_look(agent, job, false);
}

static void finish_if_over(struct agent *agent, struct job *job)
{
    if (job->exited && !job->over && job->out.fd < 0 && job->err.fd < 0) {
        finish(agent, job);
    }
}

static struct job *job_of_watch(const struct agent *agent, const struct watch *watch)
{
    struct job *job = agent->jobs.first;
    while (job != NULL && watch != &job->out && watch != &job->err) {
        job = job->next;
    }
    return job;
}

static void output_ready(struct agent *agent, struct watch *watch, uint32_t events)
{
    (void)events;
    struct job *job = job_of_watch(agent, watch);
    take_output(agent, job, watch, RING_PIECE_BYTES);
    finish_if_over(agent, job);
}

/* In the main set: whether the host takes anything is nothing to a job. */
static void watch_output(struct agent *agent, struct watch *watch, int fd)
{
    watch_open(watch, fd, agent->main_epoll, NULL, output_ready);
    watch_set(watch, EPOLLIN);
}

/* The one that was started first of those that are over. */
static bool make_place(struct agent *agent)
{
    if (agent->jobs.count < MAX_JOBS) {
        return true;
    }
    for (struct job *job = agent->jobs.first; job != NULL; job = job->next) {
        if (job->over) {
            job_remove(agent, job);
            return true;
        }
    }
    return false;
}

static struct job *new_job(struct agent *agent, const struct job_request *request)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    strcpy(job->id, request->id);
    job->shown = job_show(request, &job->shown_length);
    if (job->shown == NULL) {
        free(job);
        return NULL;
    }
    job->number = ++agent->jobs.next_number;
    job->in = job->terminal = job->out.fd = job->err.fd = -1;
    job->is_pty = request->exec.pty;
    job->due_ns = NEVER_DUE;
    job->restores = agent->jobs.restores;
    job->started_ns = monotonic_ns();
    job->started_at_ns = wall_clock_ns();
    size_t ring_bytes = request->ring_bytes < MAX_RING_BYTES ? request->ring_bytes : MAX_RING_BYTES;
    ring_init(&job->ring, ring_bytes, &agent->jobs.rings_budget);
    struct job **at = &agent->jobs.first;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = job;
    agent->jobs.count++;
    return job;
}

static void fail(struct agent *agent, struct job *job, int error, const char *what)
{
    char text[MAX_JOB_TEXT_BYTES];
    int length = snprintf(text, sizeof text, "%.400s: %s\n", what, strerror(error));
    append(agent, job, job->is_pty ? CHANNEL_OUT : CHANNEL_ERR, (const uint8_t *)text, (size_t)length);
    job->exited = true;
    job->exit_code = exit_code_of_failure(error);
    job->error = (uint32_t)error;
    finish(agent, job);
}

static void run(struct agent *agent, struct job *job, const struct job_request *request, const struct account *account)
{
    struct exec_ends ends;
    const char *culprit;
    pid_t pid = exec_start(&request->exec, account, &ends, &job->terminal, &culprit);
    if (pid < 0) {
        fail(agent, job, -pid, culprit);
        return;
    }
    job->pid = pid;
    job->in = ends.ours[0];
    watch_output(agent, &job->out, ends.ours[1]);
    watch_output(agent, &job->err, ends.ours[2]);
    if (request->timeout_ms > 0 && request->timeout_ms < (NEVER_DUE - job->started_ns) / NS_PER_MS) {
        job->due_ns = job->started_ns + request->timeout_ms * NS_PER_MS;
        find_next_due(agent);
    }
}

uint32_t job_start(struct agent *agent, struct job_request *request)
{
    const char *user = request->exec.user;
    struct account account;
    if (job_find(agent, request->id) != NULL) {
        return EEXIST;
    }
    if (!make_place(agent)) {
        return EMFILE;
    }
    struct job *job = new_job(agent, request);
    if (job == NULL) {
        return ENOMEM;
    }
    if (!account_find(user != NULL ? user : "0", &account)) {
        fail(agent, job, EINVAL, "there is no such user");
    } else if (!exec_request_add_account(&request->exec, &account)) {
        fail(agent, job, ENOMEM, request->exec.argv[0]);
    } else {
        run(agent, job, request, &account);
    }
    return 0;
}

uint32_t job_signal(const struct job *job, uint32_t number)
{
    if (number == 0 || number >= NSIG) {
        return EINVAL;
    }
    /* A group may outlive its leader, but who is to say later whose its number is. */
    if (job->exited) {
        return ESRCH;
    }
    return kill(-job->pid, (int)number) == 0 ? 0 : (uint32_t)errno;
}

uint32_t job_resize(const struct job *job, uint16_t rows, uint16_t columns)
{
    const struct winsize size = {.ws_row = rows, .ws_col = columns};
    if (!job->is_pty) {
        return ENOTTY;
    }
    if (job->out.fd < 0) {
        return ESRCH;
    }
    return ioctl(job->out.fd, TIOCSWINSZ, &size) == 0 ? 0 : (uint32_t)errno;
}

/* All that the main process has written is in its pipes by now, and a pipe is bounded. */
static void drain(struct agent *agent, struct job *job, struct watch *watch)
{
    size_t left = waiting_bytes(watch->fd);
    while (left > 0 && watch->fd >= 0) {
        ssize_t bytes = take_output(agent, job, watch, left);
        if (bytes <= 0) {
            break;
        }
        left -= (size_t)bytes;
    }
}

bool jobs_child_ended(struct agent *agent, pid_t pid, int status)
{
    struct job *job = agent->jobs.first;
    while (job != NULL && (job->exited || job->pid != pid)) {
        job = job->next;
    }
    if (job == NULL) {
        return false;
    }
    uint64_t now_ns = monotonic_ns();
    job->exited = true;
    job->exit_code = exit_code_of_status(status);
    job->took_ns = now_ns - job->started_ns;
    drain(agent, job, &job->out);
    drain(agent, job, &job->err);
    close_terminal(job);
    job->due_ns = now_ns + (uint64_t)DRAIN_MS * NS_PER_MS;
    find_next_due(agent);
    finish_if_over(agent, job);
    return true;
}

void jobs_tick(struct agent *agent, uint64_t now_ns)
{
    if (now_ns < agent->jobs.due_ns) {
        return;
    }
    for (struct job *job = agent->jobs.first; job != NULL; job = job->next) {
        if (now_ns < job->due_ns) {
            continue;
        }
        job->due_ns = NEVER_DUE;
        if (job->exited) {
            drain(agent, job, &job->out);
            drain(agent, job, &job->err);
            finish(agent, job);
        } else {
            job->timed_out = true;
            job_signal(job, SIGKILL);
        }
    }
    find_next_due(agent);
}

void jobs_restored(struct agent *agent)
{
    agent->jobs.restores++;
    for (struct job *job = agent->jobs.first; job != NULL; job = job->next) {
        job->restored_offset = job->ring.head_offset;
    }
}
