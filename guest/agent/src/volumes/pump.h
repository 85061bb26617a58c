/*
 * The process that carries messages between the guest's kernel and the server of volumes. One of its own: the agent's may wait for a file of a volume, which
 * nobody would then bring. It never looks at a path, so it never waits for itself.
 */
#ifndef FASTVM_VOLUMES_PUMP_H
#define FASTVM_VOLUMES_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sent.h"

enum {
    /* As many as a server takes. */
    MAX_CHANNELS = 16,
    /* Requests under way: more than wait for locks at most, so that an unlock is never behind them. */
    MAX_PENDING = 1024,
    /* What the server does not have yet; above it the kernel's queue waits. */
    MAX_SENT_BYTES = 4 * 1024 * 1024,
    MAX_CLIENTS = 16,
    MAX_INIT_BYTES = 256,
};

struct channel {
    /* 0: free. */
    uint16_t number;
    char tag[MAX_TAG_BYTES + 1];
    /* /dev/fuse; -1 before it is mounted. */
    int fd;
    /* What the kernel asked first, for a server that knows nothing. */
    uint8_t init[MAX_INIT_BYTES];
    size_t init_length;
    uint64_t init_unique;
    bool is_ready;
    /* The kernel has had its answer to INIT, and does not get another. */
    bool swallows_init;
    /* Whoever waits to hear of it; -1: nobody. */
    int client;
};

struct pending {
    uint64_t unique;
    uint16_t channel;
};

struct pump {
    int port;
    /* Development mode: connections come here in place of a port. */
    int port_listener;
    int listener;
    bool is_connected;
    bool has_session;
    uint8_t nonce[WIRE_NONCE_BYTES];
    /* When requests that wait for a server end; 0: there is one. */
    uint64_t lost_ns;
    bool has_given_up;

    struct sent sent;
    /* Frames without a number, that go between two others. */
    uint8_t note[256];
    size_t note_length;
    size_t note_written;

    uint8_t *in;
    size_t in_length;
    uint64_t received;
    uint64_t told;
    uint64_t received_bytes;

    struct channel channels[MAX_CHANNELS];
    struct pending pending[MAX_PENDING];
    size_t pending_count;
    int clients[MAX_CLIENTS];
};

/* What the process that mounts says to the pump, and hears. */
enum client_verb { CLIENT_OPEN = 1, CLIENT_MOUNTED = 2, CLIENT_CLOSE = 3 };

struct client_request {
    uint32_t verb;
    char tag[MAX_TAG_BYTES + 1];
};

struct client_answer {
    uint32_t error;
    uint32_t mode;
};

/* Starts the process if there is none. 0 or an errno. */
int pump_start(void);
/* A connection to it; -1 with errno. */
int pump_connect(void);
/* For development: connections to a socket of this path take the place of the port, one after the other. Does not return but for failure. */
int pump_serve_socket(const char *path);

/* Parts. */
struct channel *pump_channel(struct pump *pump, uint16_t number);
struct channel *pump_tagged(struct pump *pump, const char *tag);
void channel_close(struct pump *pump, struct channel *channel);
/* Reads what the kernel asks. */
void channel_read(struct pump *pump, struct channel *channel);
/* A message of the server to the kernel. */
void channel_answer(struct pump *pump, struct channel *channel, const uint8_t *message, size_t length);
void channel_opened(struct pump *pump, struct channel *channel, const struct wire_opened *opened);
/* Opens it with a server that knows nothing of it. */
void channel_reopen(struct pump *pump, struct channel *channel);
/* All that is under way ends with EIO. */
void pump_fail_pending(struct pump *pump);

void clients_accept(struct pump *pump);
void client_read(struct pump *pump, int *client);
void client_tell(int client, uint32_t error, uint32_t mode);

/* Reads the port and does what came. False when it is closed. */
bool port_take(struct pump *pump);
/* Writes what the port takes. */
void port_give(struct pump *pump);

#endif
