/*
 * The guest's port: sessions, frames, and answers that are kept until the guest has them. Whatever comes in, it never reads or writes outside its buffers
 * and never stops making progress.
 */
#ifndef VOLUME_PORT_H
#define VOLUME_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/fuse.h>

#include "wire.h"

struct server;
struct request;
struct attachment;

/* An answer that the guest may not have yet. Of a read it is what was asked: done again, it is the same, and its bytes need no room. */
struct kept {
    struct kept *next;
    uint64_t number;
    uint16_t channel;
    uint8_t kind;
    bool is_read;
    uint32_t length;
    uint8_t bytes[];
};

struct port {
    int fd;
    bool has_session;
    uint8_t nonce[WIRE_NONCE_BYTES];
    uint64_t next_hello_ns;

    /* There is a frame that is whole and not begun, as the worker comes between. */
    bool has_more;
    uint8_t *in;
    size_t in_start;
    size_t in_end;

    uint8_t *out;
    size_t out_start;
    size_t out_end;
    size_t out_size;

    /* Frames of the agent that were done, and up to where it was told so. */
    uint64_t done;
    uint64_t told;
    /* Frames of ours. */
    uint64_t sent;
    /* An answer that is given once more keeps its number; 0: it is a new one. */
    uint64_t again;
    /* What is being done. */
    const uint8_t *message;
    size_t message_length;
    struct kept *first_kept;
    struct kept *last_kept;
    size_t kept_count;
    size_t kept_bytes;
};

bool port_init(struct port *port, int fd);
void port_free(struct port *port);

/* Reads and does what there is. False when the port is closed. */
bool port_read(struct server *server);
/* Writes what the port takes. False when it is closed. */
bool port_write(struct server *server);
/* Does frames that were read already. */
void port_do_frames(struct server *server);
/* HELLO when it is due; milliseconds until the next, -1 within a session. */
int port_greet(struct server *server);
bool port_wants_input(const struct server *server);
bool port_has_output(const struct server *server);

/* An answer to a request: its header, and as many bytes as that says beside. */
void port_answer(struct server *server, uint16_t channel, const struct fuse_out_header *header, const void *bytes);
/* Where the data of a READ go; NULL without memory. Then port_answer_data, or another answer. */
uint8_t *port_data_space(struct server *server, size_t bytes);
void port_answer_data(struct request *request, size_t bytes);
/* Keeps an answer as it was in a table. */
bool port_keep(struct port *port, uint64_t number, uint16_t channel, uint8_t kind, bool is_read, const void *bytes, size_t length);

#endif
