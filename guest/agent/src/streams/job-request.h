/* What OPEN_JOB asks for. */
#ifndef FASTVM_JOB_REQUEST_H
#define FASTVM_JOB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec-request.h"
#include "job-limits.h"

struct job_request {
    uint16_t verb;
    char id[MAX_JOB_ID_BYTES + 1];
    uint64_t offset;
    uint64_t timeout_ms;
    uint32_t signal;
    uint32_t ring_bytes;
    bool follow;
    bool closes;
    /* Of START; its terminal's size is RESIZE's, too. */
    struct exec_request exec;
};

/* False for one that is broken. To be freed in either case. */
bool job_request_parse(struct job_request *request, const uint8_t *bytes, size_t length);
void job_request_free(struct job_request *request);

#endif
