/*
 * Room of a host's own disk: what guests add ends before less is free than the host is to keep, whoever fills it, and goes on when there is more. What only
 * changes what is there, or removes, asks for none.
 */
#ifndef VOLUME_ROOM_H
#define VOLUME_ROOM_H

#include <stdint.h>

struct attachment;

/* A name, and what is kept of it. */
enum { ENTRY_BYTES = 4096 };

/* All 0 or ENOSPC; 0 without a floor. */
int room_for(const struct attachment *attachment, uint64_t bytes);
/* For data that is written there: what has its blocks already takes none. */
int room_for_data(const struct attachment *attachment, int fd, uint64_t start, uint64_t length);

#endif
