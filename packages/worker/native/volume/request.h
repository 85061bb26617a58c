/*
 * One message of a guest, and the answer. Whatever a message says of itself is held against its length before anything is read: a handler gets its
 * arguments, names and data by the functions here alone.
 */
#ifndef VOLUME_REQUEST_H
#define VOLUME_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/fuse.h>

#include "attachment.h"

struct server;

struct request {
    struct server *server;
    struct attachment *attachment;
    struct fuse_in_header in;
    /* What was not taken yet. */
    const uint8_t *next;
    size_t left;
    /* The node that it is about, and its descriptor, where the operation has one. */
    uint32_t node;
    int fd;
    /* A name in it is whole, and longer than names are. */
    bool has_long_name;
};

/* The fixed part, copied. */
#define TAKE(request, value) take_bytes(request, &(value), sizeof(value))
bool take_bytes(struct request *request, void *value, size_t bytes);
/* A name of one component, ended by a NUL in the message; NULL for everything else. */
const char *take_name(struct request *request);
/* Text up to so long, with its NUL; NULL otherwise. */
const char *take_text(struct request *request, size_t limit);

/* Each sends the one answer that a request has. */
void reply_error(struct request *request, int error);
void reply(struct request *request, const void *bytes, size_t length);
void reply_found(struct request *request, uint32_t node, const struct statx *found);
void reply_attributes(struct request *request, const struct statx *found);

/* What a guest is told of a file that was looked up. */
void fill_entry(const struct request *request, uint32_t node, const struct statx *found, struct fuse_entry_out *entry);

/* A node and its descriptor; errno otherwise. */
int find_node(struct request *request, uint64_t number, uint32_t *node, int *fd);

/* EROFS, or 0. */
int check_writable(const struct attachment *attachment);

#endif
