/* Frames on the port, as docs/volume-server.md draws them. Numbers are little-endian, and so is every machine this runs on. */
#ifndef VOLUME_WIRE_H
#define VOLUME_WIRE_H

#include <stdint.h>

#include "limits.h"

#define WIRE_MAGIC 0x53465646u /* FVFS */
/* Behind each payload: a frame that a capture cut in two, and zeros completed, does not pass for one. */
#define WIRE_END 0x444E4556u /* VEND */
#define WIRE_MARKER "FASTVM-FS-V0001\n"

enum {
    WIRE_VERSION = 1,
    WIRE_MARKER_BYTES = 16,
    WIRE_NONCE_BYTES = 16,
    WIRE_HEADER_BYTES = 32,
    WIRE_END_BYTES = 4,
    WIRE_MAX_FRAME_BYTES = WIRE_HEADER_BYTES + MAX_MESSAGE_BYTES + WIRE_END_BYTES,
};

enum wire_kind { WIRE_HELLO = 1, WIRE_WELCOME, WIRE_OPEN, WIRE_OPENED, WIRE_CLOSE, WIRE_FUSE, WIRE_RECEIVED };

struct wire_header {
    uint32_t magic;
    uint8_t kind;
    uint8_t version;
    uint16_t channel;
    uint32_t length;
    uint32_t zero;
    uint64_t number;
    uint64_t received;
};

struct wire_hello {
    uint8_t marker[WIRE_MARKER_BYTES];
    uint8_t nonce[WIRE_NONCE_BYTES];
    uint8_t has_table;
    uint8_t zero[7];
    uint64_t done;
};

struct wire_welcome {
    uint8_t marker[WIRE_MARKER_BYTES];
    uint8_t nonce[WIRE_NONCE_BYTES];
    /* The agent knows nothing of what the table is about. */
    uint8_t starts_anew;
    uint8_t zero[7];
};

struct wire_opened {
    uint32_t error;
    uint32_t mode;
};

#endif
