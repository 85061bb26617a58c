/* Files and folders that a guest has open. Numbered as nodes are: a place and a generation. */
#ifndef VOLUME_HANDLES_H
#define VOLUME_HANDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "changes.h"

struct attachment;

struct handle {
    /* 0: the place is free. */
    uint32_t generation;
    uint32_t node;
    /* -1: of a captured state, to be opened when it is used. */
    int fd;
    int flags;
    bool is_folder;
    /* Nothing but close is done with it: it had a lock that its copy does not have, or its file had no name any more. */
    bool lost;
    /* Where the descriptor of a folder stands. */
    int64_t position;
    uint32_t next_free;
};

struct handles {
    struct handle *all;
    uint32_t size;
    uint32_t free;
    uint32_t count;
    uint32_t next_generation;
    struct changes changes;
};

/* Its number; 0 with errno. Holds the node, owns the descriptor. */
uint64_t handle_open(struct attachment *attachment, uint32_t node, int fd, int flags);
/* NULL with errno EBADF for what is not open, or on another file, or of the other type. */
struct handle *handle_find(struct attachment *attachment, uint64_t number, uint32_t node, bool is_folder);
/* Its descriptor; -1 with errno. */
int handle_descriptor(struct attachment *attachment, struct handle *handle);
void handle_close(struct attachment *attachment, struct handle *handle);
void handles_close_all(struct attachment *attachment);
uint64_t handle_number(const struct handles *handles, const struct handle *handle);
/* For a table that is read. */
bool handle_restore(struct attachment *attachment, uint32_t index, const struct handle *from);
void handles_restored(struct handles *handles);

#endif
