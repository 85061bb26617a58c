/* The wire, as docs/guest-link.md draws it. Numbers are little-endian, and so is every machine this runs on. */
#ifndef FASTVM_PROTOCOL_H
#define FASTVM_PROTOCOL_H

#include <stdint.h>

enum {
    FRAME_FIRST_BYTE = 0xF5,
    FRAME_LAST_BYTE = 0x5F,
    FRAME_HEADER_BYTES = 12,
    FRAME_MAX_PAYLOAD = 65536,
    FRAME_MAX_BYTES = FRAME_HEADER_BYTES + FRAME_MAX_PAYLOAD + 1,
    WINDOW_BYTES = 262144,
    MAX_REQUEST_BYTES = 4 * 1024 * 1024,
    MAX_STREAMS = 1024,
    MARKER_BYTES = 16,
    GENERATION_BYTES = 16,
    NONCE_BYTES = 16,
    HELLO_BYTES = MARKER_BYTES + GENERATION_BYTES + NONCE_BYTES,
    BOOT_ID_BYTES = 16,
    MAX_TEXT_BYTES = 4096,
};

#define GUEST_STREAM_BIT 0x80000000u
#define HELLO_MARKER "FASTVM-LINK-V1\r\n"
#define PROTOCOL_VERSION 1

enum frame_kind {
    KIND_HELLO = 1,
    KIND_WELCOME = 2,
    KIND_IDENTITY = 3,
    KIND_IDENTITY_DONE = 4,
    KIND_PING = 5,
    KIND_PONG = 6,
    KIND_MORE = 15,
    KIND_OPEN_EXEC = 16,
    KIND_OPEN_WRITE = 17,
    KIND_OPEN_READ = 18,
    KIND_OPEN_DIAL = 19,
    KIND_OPEN_FORWARD = 20,
    KIND_OPEN_VERB = 21,
    KIND_OPEN_JOB = 22,
    KIND_OPEN_DATAGRAMS = 23,
    KIND_DATA = 32,
    KIND_DATA_ERR = 33,
    KIND_END = 34,
    KIND_CREDIT = 35,
    KIND_SIGNAL = 36,
    KIND_RESIZE = 37,
    KIND_RESET = 38,
    KIND_EXIT = 39,
    KIND_DONE = 40,
    KIND_AT = 41,
    KIND_PROCESS = 42,
};

enum field_tag {
    TAG_ARG = 1,
    TAG_ENV = 2,
    TAG_CWD = 3,
    TAG_USER = 4,
    TAG_PTY = 5,
    TAG_STDIN = 6,
    TAG_WORKDIR = 7,
    TAG_LIMIT = 8,
    TAG_RESTRICTED = 9,
    TAG_TELL_PROCESS = 10,
    TAG_PATH = 16,
    TAG_MODE = 17,
    TAG_MTIME = 18,
    TAG_FLAGS = 19,
    TAG_VERB = 20,
    TAG_TO = 21,
    TAG_DEPTH = 22,
    TAG_VOLUME = 23,
    TAG_JOB = 24,
    TAG_JOB_VERB = 25,
    TAG_OFFSET = 26,
    TAG_TIMEOUT_MS = 27,
    TAG_SIGNAL = 28,
    TAG_CLOSES = 29,
    TAG_RING_BYTES = 30,
    TAG_FOLLOW = 31,
    TAG_ENTROPY = 32,
    TAG_CLOCK = 33,
    TAG_HOSTNAME = 34,
    TAG_FILE = 35,
    TAG_GROW_ROOT = 36,
    TAG_COMMAND = 37,
    TAG_FORWARD = 38,
    TAG_BOOT_ID = 39,
    TAG_ONLY_FORWARD = 40,
    TAG_LINK = 41,
    TAG_DISK = 46,
    TAG_FSTYPE = 47,
    TAG_CONTENT = 48,
    TAG_ENTRY = 64,
    TAG_TYPE = 65,
    TAG_SIZE = 66,
    TAG_MTIME_NS = 67,
    TAG_UID = 68,
    TAG_GID = 69,
    TAG_TARGET = 70,
    TAG_EVENT = 71,
    TAG_FREE_RUNS = 72,
    TAG_JOB_INFO = 80,
    TAG_PID = 81,
    TAG_STARTED = 82,
    TAG_OUTPUT = 83,
    TAG_ENDED = 84,
    TAG_RESTORES = 85,
    TAG_CUT = 86,
};

/* What agents of before did not know, and would take for garbage. */
enum ability { ABLE_VERBS = 1, ABLE_JOBS = 2, ABLE_VOLUMES = 4, ABLE_PLAIN_MOUNTS = 8, ABLE_LIMITS = 16, ABLE_DATAGRAMS = 32, ABLE_FSTYPES = 64, ABLE_LINK = 128 };

enum job_verb {
    JOB_START = 1,
    JOB_ATTACH = 2,
    JOB_INPUT = 3,
    JOB_SIGNAL = 4,
    JOB_RESIZE = 5,
    JOB_LIST = 6,
    JOB_REMOVE = 7,
};

enum write_flags { WRITE_MAKE_PARENTS = 1 };

enum verb {
    VERB_STAT = 1,
    VERB_LIST = 2,
    VERB_MAKE_FOLDER = 3,
    VERB_REMOVE = 4,
    VERB_RENAME = 5,
    VERB_SET_MODE = 6,
    VERB_WATCH = 7,
    VERB_DROP_CACHES = 8,
    VERB_FREE_PAGES = 9,
    VERB_MOUNT = 10,
    VERB_UNMOUNT = 11,
    VERB_MOUNT_TMPFS = 20,
    VERB_MOUNT_DISK = 21,
    VERB_UNMOUNT_PLAIN = 22,
};

enum verb_flags { VERB_FOLLOW = 1, VERB_RECURSIVE = 2 };

enum entry_type { ENTRY_FILE = 1, ENTRY_FOLDER = 2, ENTRY_LINK = 3, ENTRY_OTHER = 4 };

enum event_type {
    EVENT_READY = 1,
    EVENT_CREATE = 2,
    EVENT_WRITE = 3,
    EVENT_REMOVE = 4,
    EVENT_RENAME = 5,
    EVENT_CHMOD = 6,
    /* Events were lost: whoever watches looks for itself. */
    EVENT_OVERFLOW = 7,
};

struct frame {
    uint8_t kind;
    uint16_t session;
    uint32_t stream;
    uint32_t length;
    const uint8_t *payload;
};

#endif
