/*
 * Jobs: commands in the background. One belongs to no stream and to no host: its output goes into a ring, its end is kept, and whoever knows its id
 * attaches (job-stream.c). It lives through the loss of the link and through every restore of the VM; it ends by itself, by a signal, by its time
 * limit, or when it is removed.
 */
#ifndef FASTVM_JOB_H
#define FASTVM_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "job-limits.h"
#include "ring.h"
#include "system/watch.h"

struct agent;
struct job_request;

struct job {
    /* In the order in which they were started, by which they are numbered. */
    struct job *next;
    uint64_t number;
    char id[MAX_JOB_ID_BYTES + 1];

    struct watch out;
    struct watch err;
    /* -1 when it has none, or none any more. */
    int in;
    int terminal;
    bool is_pty;
    pid_t pid;

    /* The main process has ended; then, when its pipes were read, the job is over. */
    bool exited;
    bool over;
    bool timed_out;
    int32_t exit_code;
    uint32_t error;
    uint64_t started_ns;
    uint64_t started_at_ns;
    uint64_t took_ns;
    /* Of its time limit, later of what is left in its pipes. */
    uint64_t due_ns;

    /* Of the VM, when it was started; and where its output was at the last one. */
    uint32_t restores;
    uint64_t restored_offset;

    struct ring ring;
    /* Fields: what was asked for, as it is shown. */
    uint8_t *shown;
    size_t shown_length;
};

void jobs_init(struct agent *agent);
void jobs_close(struct agent *agent);

struct job *job_find(const struct agent *agent, const char *id);
/* Starts one of that id; 0 or an errno. A command that cannot be started is a job that is over, with its reason as output. */
uint32_t job_start(struct agent *agent, struct job_request *request);
/* 0 or an errno: it has ended. */
uint32_t job_signal(const struct job *job, uint32_t number);
uint32_t job_resize(const struct job *job, uint16_t rows, uint16_t columns);
/* With SIGKILL to what runs of it. */
void job_remove(struct agent *agent, struct job *job);

/* From the loop. */
bool jobs_child_ended(struct agent *agent, pid_t pid, int status);
void jobs_tick(struct agent *agent, uint64_t now_ns);
void jobs_restored(struct agent *agent);

#endif
