/*
 * What a table would say, kept up in a file while the server runs: whoever follows one that was killed goes on from there. A request, its answer and what
 * it changed are one entry, written before the guest hears of it. An entry that is cut is none; of a request that was begun, and is not there, nobody
 * knows whether it was done.
 *
 *   file:  "FVLEDGR1"  generation     two of them: one is written anew, from what there is, when it has grown, and the other is good until it is whole
 *   entry: length  sum  items
 *   item:  kind  channel  length  bytes
 *
 * It is in memory of the host's kernel: this process may die, the host may not. Without room for it the server does without.
 */
#ifndef VOLUME_LEDGER_H
#define VOLUME_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"

struct server;

#define LEDGER_MARK "FVLEDGR1"

enum { LEDGER_FILES = 2 };

enum ledger_item {
    /* A mount: minor version, tag. The first items of a file, and nothing but a new file has others. */
    LEDGER_MOUNT = 'A',
    /* As in a table. */
    LEDGER_NODE = 'N',
    LEDGER_HANDLE = 'H',
    /* u32 place of the node, u32 how many, and all of them. */
    LEDGER_LOCKS = 'L',
    LEDGER_WAITING = 'W',
    LEDGER_ANSWER = 'K',
    /* u32 place. */
    LEDGER_NO_NODE = 'n',
    LEDGER_NO_HANDLE = 'h',
    /* Frames that were done, frames that were sent, and those of them that the guest has. */
    LEDGER_DONE = 'D',
    /* u64 number, u64 the guest's number: what must not be done twice. */
    LEDGER_BEGUN = 'B',
};

struct __attribute__((packed)) ledger_file {
    char mark[8];
    uint64_t generation;
};

struct __attribute__((packed)) ledger_entry {
    uint32_t length;
    uint32_t sum;
};

struct __attribute__((packed)) ledger_item_header {
    uint8_t kind;
    uint16_t channel;
    uint32_t length;
};

struct ledger {
    /* -1: there is none. */
    int fds[LEDGER_FILES];
    size_t current;
    uint64_t generation;
    uint64_t length;
    uint64_t first_length;
    /* The last answer in it. */
    uint64_t answered;
    /* Something changed that has no item: it is written anew. */
    bool is_due;
    struct writer entry;
};

void ledger_init(struct ledger *ledger);
/* Takes two descriptors. */
void ledger_open(struct ledger *ledger, const int fds[LEDGER_FILES]);
void ledger_close(struct ledger *ledger);
/* Of a guest that nobody is to follow. */
void ledger_clear(struct ledger *ledger);
/* Before a request. */
void ledger_begin(struct server *server, uint16_t channel, const uint8_t *message, size_t length);
/* After it, and after whatever else the guest is told of. */
void ledger_commit(struct server *server);
/* What is known before the guest is there: whoever is killed before it comes is followed as well. */
void ledger_write(struct server *server);
/* The state of a server that was killed, as if it were loaded. ENOENT where there is none. */
int ledger_recover(struct server *server);

uint32_t ledger_sum(const uint8_t *bytes, size_t length);
/* The table that a file tells of; to be freed. 0 or an errno. */
int ledger_table(const uint8_t *bytes, size_t length, struct writer *table);

#endif
