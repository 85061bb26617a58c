/* What is told of a job, as fields: all of it. */
#ifndef FASTVM_JOB_DESCRIBE_H
#define FASTVM_JOB_DESCRIBE_H

#include "job.h"

/* Its JOB_INFO into the space; how long it is: at most MAX_SHOWN_BYTES and some. */
size_t job_describe(const struct agent *agent, const struct job *job, uint8_t *space);

#endif
