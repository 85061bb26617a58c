/* A folder, or one file, of the host, as one mount of the guest: its root and rules, and what the guest knows of it. */
#ifndef VOLUME_ATTACHMENT_H
#define VOLUME_ATTACHMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "handles.h"
#include "limits.h"
#include "locks.h"
#include "nodes.h"

struct account;

enum stat_mode { STAT_OFF, STAT_STRICT, STAT_RELAXED };

struct counters {
    uint64_t reads;
    uint64_t writes;
    uint64_t locks;
    uint64_t others;
    uint64_t errors;
    uint64_t bytes_read;
    uint64_t bytes_written;
    uint64_t nanoseconds;
    uint64_t worst_nanoseconds;
};

struct attachment {
    bool is_used;
    char tag[MAX_TAG_BYTES + 1];
    /* False for what a table knows of and nobody has attached yet. */
    bool has_root;
    /* It had one, and gets it again. */
    bool is_parked;
    /* The guest's number for its mount; 0: not mounted. */
    uint16_t channel;
    bool readonly;
    bool is_shared;
    bool mirrors_permissions;
    bool makes_pipes;
    /* What closes a file waits until the host has closed it, too: there a file that was written may be sent somewhere. */
    bool passes_close;
    enum stat_mode stat_mode;
    /* What INIT agreed on; 0: not yet. */
    uint32_t minor;
    /* The user that files belong to which nobody has given to a user of the guest. */
    uint32_t host_owner;
    /* So many bytes stay free on the host's disk; 0: all may go. */
    uint64_t floor;
    uint64_t quota;
    struct account *account;
    int account_fd;
    bool holds_account;

    struct nodes nodes;
    struct handles handles;
    uint32_t lock_count;
    uint32_t lost_count;
    struct counters counters;
};

bool attachment_init(struct attachment *attachment, const char *tag, uint32_t node_limit);
/* All that the guest knows of it: nodes, open files, locks. False without memory, when it is unfit for use. */
bool attachment_forget(struct attachment *attachment, uint32_t node_limit);
void attachment_free(struct attachment *attachment);

#endif
