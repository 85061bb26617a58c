#include "job-info.h"

#include <stdlib.h>
#include <string.h>

#include "agent.h"

enum { FIELD_HEADER_BYTES = 8 };

static size_t put_field(uint8_t *space, uint16_t tag, const void *value, size_t length)
{
    const uint32_t length32 = (uint32_t)length;
    memcpy(space, &tag, sizeof tag);
    memset(space + 2, 0, 2);
    memcpy(space + 4, &length32, sizeof length32);
    if (length > 0) {
        memcpy(space + FIELD_HEADER_BYTES, value, length);
    }
    return FIELD_HEADER_BYTES + length;
}

static bool put_text(uint8_t *space, size_t *at, uint16_t tag, const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    if (text == NULL || *at + FIELD_HEADER_BYTES + length > MAX_SHOWN_BYTES) {
        return text == NULL;
    }
    *at += put_field(space + *at, tag, text, length);
    return true;
}

uint8_t *job_show(const struct job_request *request, size_t *length)
{
    const struct exec_request *exec = &request->exec;
    uint8_t *shown = malloc(MAX_SHOWN_BYTES + 4 * FIELD_HEADER_BYTES);
    if (shown == NULL) {
        return NULL;
    }
    size_t at = 0;
    bool whole = put_text(shown, &at, TAG_USER, exec->user) && put_text(shown, &at, TAG_CWD, exec->cwd);
    for (size_t i = 0; i < exec->argc && whole; i++) {
        whole = put_text(shown, &at, TAG_ARG, exec->argv[i]);
    }
    if (!whole) {
        at += put_field(shown + at, TAG_CUT, NULL, 0);
    }
    if (exec->pty) {
        const uint16_t size[2] = {exec->size.ws_row, exec->size.ws_col};
        at += put_field(shown + at, TAG_PTY, size, sizeof size);
    }
    *length = at;
    uint8_t *fitting = realloc(shown, at);
    return fitting == NULL ? shown : fitting;
}

static size_t put_end(uint8_t *space, const struct job *job)
{
    const struct __attribute__((packed)) {
        int32_t code;
        uint32_t error;
        uint64_t nanoseconds;
        uint8_t timed_out;
    } end = {job->exit_code, job->error, job->took_ns, job->timed_out};
    return put_field(space, TAG_ENDED, &end, sizeof end);
}

size_t job_describe(const struct agent *agent, const struct job *job, uint8_t *space)
{
    uint8_t *fields = space + FIELD_HEADER_BYTES;
    const uint32_t pid = (uint32_t)job->pid;
    const uint32_t restores = agent->jobs.restores - job->restores;
    const uint64_t output[3] = {job->ring.tail_offset, job->ring.head_offset, job->restored_offset};
    const uint8_t takes_input = job->in >= 0;
    size_t at = put_field(fields, TAG_JOB, job->id, strlen(job->id));
    at += put_field(fields + at, TAG_PID, &pid, sizeof pid);
    at += put_field(fields + at, TAG_STARTED, &job->started_at_ns, sizeof job->started_at_ns);
    at += put_field(fields + at, TAG_OUTPUT, output, sizeof output);
    at += put_field(fields + at, TAG_RESTORES, &restores, sizeof restores);
    at += put_field(fields + at, TAG_STDIN, &takes_input, sizeof takes_input);
    if (job->over) {
        at += put_end(fields + at, job);
    }
    memcpy(fields + at, job->shown, job->shown_length);
    at += job->shown_length;
    put_field(space, TAG_JOB_INFO, NULL, 0);
    const uint32_t length32 = (uint32_t)at;
    memcpy(space + 4, &length32, sizeof length32);
    return FIELD_HEADER_BYTES + at;
}
