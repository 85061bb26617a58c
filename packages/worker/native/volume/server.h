/* The state of the process: a port, attachments, and whoever controls them. */
#ifndef VOLUME_SERVER_H
#define VOLUME_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "attachment.h"
#include "ledger.h"
#include "port.h"
#include "waiting.h"

struct control {
    int fd;
    char *in;
    size_t in_length;
    /* What a line said follows it. */
    uint8_t *body;
    size_t body_length;
    size_t body_wanted;
    char line[MAX_LINE_BYTES + 1];
    uint8_t *out;
    size_t out_start;
    size_t out_length;
    int received[2];
    bool is_over;
};

struct server {
    struct port port;
    struct attachment attachments[MAX_ATTACHMENTS];
    struct waiting waiting;
    struct ledger ledger;
    uint32_t node_limit;
    /* Whether sessions go on with what the guest knows. */
    bool has_table;
    /* Something is attached: a guest may be told which server it has. Earlier a table may yet come, of which the guest must hear first. */
    bool may_greet;
    /* What a table, or a ledger, told of is not to be forgotten before the guest is there. */
    bool goes_on;
    bool is_frozen;
    /* It thaws when this connection ends; NULL: when it is told to. */
    const struct control *leaseholder;
    bool is_over;
    uint64_t unknown_messages;
    int listener;
    struct control controls[MAX_CONTROLS];
};

/* `nodes`: of each attachment. False without memory. */
bool server_init(struct server *server, int port, uint32_t nodes);
void server_free(struct server *server);
/* Until the port is closed or the worker says so. 0 or a status to exit with. */
int server_run(struct server *server);

/* NULL where there is none. */
struct attachment *server_attachment(struct server *server, uint16_t channel);
struct attachment *server_tagged(struct server *server, const char *tag);
struct attachment *server_add(struct server *server, const char *tag);
void server_remove(struct server *server, struct attachment *attachment);
/* All mounts of the guest are gone. */
void server_forget(struct server *server);

/* One message of the guest. */
void server_do(struct server *server, uint16_t channel, const uint8_t *message, size_t length);

#endif
