#include "job-describe.h"

#include <string.h>

#include "agent.h"
#include "job-info.h"
#include "link/protocol.h"

static size_t put_end(uint8_t *space, const struct job *job)
{
    const struct __attribute__((packed)) {
        int32_t code;
        uint32_t error;
        uint64_t nanoseconds;
        uint8_t timed_out;
    } end = {job->exit_code, job->error, job->took_ns, job->timed_out};
    return job_put_field(space, TAG_ENDED, &end, sizeof end);
}

size_t job_describe(const struct agent *agent, const struct job *job, uint8_t *space)
{
    uint8_t *fields = space + JOB_FIELD_HEADER_BYTES;
    const uint32_t pid = (uint32_t)job->pid;
    const uint32_t restores = agent->jobs.restores - job->restores;
    const uint64_t output[3] = {job->ring.tail_offset, job->ring.head_offset, job->restored_offset};
    const uint8_t takes_input = job->in >= 0;
    size_t at = job_put_field(fields, TAG_JOB, job->id, strlen(job->id));
    at += job_put_field(fields + at, TAG_PID, &pid, sizeof pid);
    at += job_put_field(fields + at, TAG_STARTED, &job->started_at_ns, sizeof job->started_at_ns);
    at += job_put_field(fields + at, TAG_OUTPUT, output, sizeof output);
    at += job_put_field(fields + at, TAG_RESTORES, &restores, sizeof restores);
    at += job_put_field(fields + at, TAG_STDIN, &takes_input, sizeof takes_input);
    if (job->over) {
        at += put_end(fields + at, job);
    }
    memcpy(fields + at, job->shown, job->shown_length);
    at += job->shown_length;
    job_put_field(space, TAG_JOB_INFO, NULL, 0);
    const uint32_t length32 = (uint32_t)at;
    memcpy(space + 4, &length32, sizeof length32);
    return JOB_FIELD_HEADER_BYTES + at;
}
