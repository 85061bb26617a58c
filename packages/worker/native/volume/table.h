/*
 * What the guest knows of its mounts, as bytes: the table that goes into a captured state. Read as from a stranger.
 *
 *   "FVTABLE1"  done  sent
 *   attachments: tag, channel, nodes, open files, locks
 *   requests that wait for locks · answers that the guest may not have yet
 *   "FVTABEND"
 */
#ifndef VOLUME_TABLE_H
#define VOLUME_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;
struct attachment;
struct nodes;
struct kept;
struct waiting;

/* Bytes that grow as they are put. */
struct writer {
    uint8_t *bytes;
    size_t length;
    size_t size;
    bool failed;
};

#define TABLE_BEGIN "FVTABLE1"
#define TABLE_END "FVTABEND"
enum { TABLE_MARK_BYTES = 8 };

enum handle_bits { HANDLE_IS_FOLDER = 1, HANDLE_IS_LOST = 2, HANDLE_HAS_LOCK = 4 };

/* As they are written, one after the other, names and the like behind them. */
struct __attribute__((packed)) table_attachment {
    uint8_t tag_length;
    uint16_t channel;
    uint32_t minor;
    uint32_t node_generation;
    uint32_t handle_generation;
    uint32_t nodes;
    uint32_t handles;
    uint32_t locks;
};

struct __attribute__((packed)) table_node {
    uint32_t index;
    uint32_t generation;
    uint32_t parent;
    uint8_t is_stale;
    uint64_t lookups;
    uint64_t inode;
    int64_t born_seconds;
    uint32_t born_nanoseconds;
    uint32_t type;
    uint8_t name_length;
};

struct __attribute__((packed)) table_handle {
    uint32_t index;
    uint32_t generation;
    uint32_t node;
    uint32_t flags;
    uint8_t bits;
};

/* Without a range: of an owner that has lost what it had. */
struct __attribute__((packed)) table_lock {
    uint64_t owner;
    uint64_t handle;
    uint32_t process;
    uint32_t node;
    uint8_t is_whole;
    uint32_t ranges;
};

struct __attribute__((packed)) table_range {
    uint64_t start;
    uint64_t end;
    uint32_t type;
};

struct __attribute__((packed)) table_waiter {
    uint64_t unique;
    uint16_t channel;
    uint64_t node_number;
    uint64_t owner;
    uint64_t handle;
    uint32_t process;
    uint8_t is_whole;
    struct table_range range;
};

struct __attribute__((packed)) table_answer {
    uint64_t number;
    uint16_t channel;
    uint8_t kind;
    uint8_t is_read;
    uint32_t length;
};

/* Pieces, which a ledger has one by one. */
void table_put(struct writer *writer, const void *bytes, size_t length);
void table_put_node(struct writer *writer, const struct nodes *nodes, uint32_t index);
void table_put_handle(struct writer *writer, const struct attachment *attachment, uint32_t index);
/* How many they are. */
uint32_t table_put_locks(struct writer *writer, const struct nodes *nodes, uint32_t index);
void table_put_waiting(struct writer *writer, const struct waiting *waiting);
void table_put_answer(struct writer *writer, const struct kept *kept);

/* 0 or an errno. The bytes are to be freed. */
int table_save(struct server *server, uint8_t **bytes, size_t *length);
/* Nothing is changed unless it returns 0. */
int table_load(struct server *server, const uint8_t *bytes, size_t length, bool reclaims);
/* Takes the locks of a table, once its root is there: what cannot be had is lost. */
void table_take_locks(struct attachment *attachment);

#endif
