/* What the host asks of jobs: OPEN_JOB. A stream is a host's view of a job, and ends without the job's notice. */
#ifndef FASTVM_JOB_STREAM_H
#define FASTVM_JOB_STREAM_H

#include "stream.h"

extern const struct stream_kind job_kind;

#endif
