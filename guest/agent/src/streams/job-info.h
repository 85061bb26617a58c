/* What is told of a job, as fields: what was asked for. */
#ifndef FASTVM_JOB_INFO_H
#define FASTVM_JOB_INFO_H

#include "job-request.h"

enum { JOB_FIELD_HEADER_BYTES = 8 };

/* A whole field; how long it is. */
size_t job_put_field(uint8_t *space, uint16_t tag, const void *value, size_t length);

/* What was asked for, to be freed; arguments beyond MAX_SHOWN_BYTES are left out. NULL when memory is short. */
uint8_t *job_show(const struct job_request *request, size_t *length);

#endif
