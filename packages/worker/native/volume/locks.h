/*
 * Locks of guests. Each owner has, on each file, an open file description of its own on the host: so the host's kernel judges between processes, VMs and
 * hosts. What an owner has is also known here, for whoever asks who is in the way, and for captured states.
 */
#ifndef VOLUME_LOCKS_H
#define VOLUME_LOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attachment;

struct range {
    uint64_t start;
    /* The last byte; INT64_MAX: to the end, wherever that is. */
    uint64_t end;
    /* F_RDLCK or F_WRLCK. */
    uint32_t type;
};

struct lock {
    struct lock *next;
    uint64_t owner;
    /* The open file over which it was taken last. */
    uint64_t handle;
    uint32_t process;
    /* flock(2), not fcntl(2). */
    bool is_whole;
    int fd;
    struct range *ranges;
    size_t count;
};

struct lost_owner {
    struct lost_owner *next;
    uint64_t owner;
};

struct lock_request {
    uint64_t owner;
    uint64_t handle;
    uint32_t process;
    bool is_whole;
    struct range range;
};

/* Takes, changes or (F_UNLCK) gives back. 0 or an errno: EAGAIN where it is in somebody's way. */
int lock_set(struct attachment *attachment, uint32_t node, const struct lock_request *request);
/* What is in the way; type F_UNLCK: nothing. 0 or an errno. */
int lock_get(struct attachment *attachment, uint32_t node, struct lock_request *request);
/* All of an owner on a file, as close(2) does. True if there were any. */
bool lock_drop_owner(struct attachment *attachment, uint32_t node, uint64_t owner, bool is_whole);
/* All that were taken over an open file. */
bool lock_drop_handle(struct attachment *attachment, uint32_t node, uint64_t handle);
void lock_drop_all(struct attachment *attachment, uint32_t node);
/* An owner whose locks its copy does not have: nothing but an error is given it until it has closed the file. False without memory. */
bool lock_lose(struct attachment *attachment, uint32_t node, uint64_t owner);
bool lock_is_lost(const struct attachment *attachment, uint32_t node, uint64_t owner);
void lock_found(struct attachment *attachment, uint32_t node, uint64_t owner);
bool lock_is_held(const struct attachment *attachment, uint32_t node, uint64_t handle);

/* Of a table: takes on the host what the owner had. Where it cannot be had the lock is gone. 0 or an errno. */
int lock_take_again(struct attachment *attachment, uint32_t node, struct lock *lock);

/* Adds a range to what is held, or takes it out, as the kernel does: a new one replaces what it overlaps. False without memory. */
bool ranges_set(struct range **ranges, size_t *count, const struct range *set);

#endif
