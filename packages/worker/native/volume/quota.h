/*
 * How many bytes may be added to an attachment, over all servers that have its account file mapped. Charged before a file grows and never given back; when
 * a charge does not fit any more, what is really there is counted anew.
 */
#ifndef VOLUME_QUOTA_H
#define VOLUME_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

struct attachment;

/* Owns the descriptor from then on. 0 or an errno. */
int quota_open(struct attachment *attachment, int account_fd, uint64_t quota);
void quota_close(struct attachment *attachment);
/* At the first open for writing: what is there is free. 0 or an errno. */
int quota_begin(struct attachment *attachment);
/* 0 or ENOSPC. Until quota_done, when the bytes are there or it failed, nobody counts. */
int quota_charge(struct attachment *attachment, uint64_t bytes);
void quota_done(struct attachment *attachment);
/* For a file that is so long as its descriptor tells, and is to be `end` long. 0 or an errno. */
int quota_charge_growth(struct attachment *attachment, int fd, uint64_t end);
uint64_t quota_used(const struct attachment *attachment);

#endif
