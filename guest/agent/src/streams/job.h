/* What the host asks of jobs: OPEN_JOB. A stream is a host's view of a job, and ends without the job's notice. */
#ifndef FASTVM_JOB_STREAM_H
#define FASTVM_JOB_STREAM_H

#include "stream.h"

struct job;

extern const struct stream_kind job_kind;

/* The job has something new to tell, or has ended. */
void job_streams_wake(struct agent *agent, const struct job *job);
/* The job is about to be gone. */
void job_streams_reset(struct agent *agent, const struct job *job);

#endif
