/* What is told of a job, as fields. */
#ifndef FASTVM_JOB_INFO_H
#define FASTVM_JOB_INFO_H

#include "job-request.h"

/* What was asked for, to be freed; arguments beyond MAX_SHOWN_BYTES are left out. NULL when memory is short. */
uint8_t *job_show(const struct job_request *request, size_t *length);

#endif
