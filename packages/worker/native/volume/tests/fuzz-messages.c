/* What a hostile guest sends: messages that are sound in their form, and others; and what the answers lead to. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

enum { KNOWN = 12 };

uint64_t state;
struct server server;
uint8_t message[MESSAGE_ROOM];
size_t length;
/* What a mount was told of, each of its own. */
static uint64_t numbers[CHANNELS + 2][KNOWN];
static uint64_t handles[CHANNELS + 2][KNOWN];
/* The file of each of these; and that of the handle which was drawn last, 0 for one that is made up. */
static uint64_t owners[CHANNELS + 2][KNOWN];
static uint64_t drawn_owner;
uint16_t channel;
uint64_t unique = 1;
uint64_t done[64];
static uint32_t last_opcode;
static uint64_t last_node;

uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below == 0 ? state : state % below;
}

void fail(const char *what)
{
    fprintf(stderr, "fuzz-volume: %s\n", what);
    abort();
}

static const char *const NAMES[] = {"a",   "b",  "folder", "link", "up", "absolute", "pipe", "new", "..", ".", "", "a/b", "../outside",
                                    "/etc/passwd", "self", "c", "d", "e", "\xff\xfe", "outside", "magic", "user.x", "user.msb.override_stat",
                                    "security.capability", "system.posix_acl_access"};

static void add(const void *bytes, size_t count)
{
    if (length + count <= sizeof message) {
        memcpy(message + length, bytes, count);
        length += count;
    }
}

static void add_name(void)
{
    if (draw(50) == 0) {
        char name[4200];
        size_t count = draw(sizeof name);
        memset(name, 'x', count);
        add(name, count);
    } else if (draw(3) == 0) {
        char name[8];
        snprintf(name, sizeof name, "n%u", (unsigned)draw(64));
        add(name, strlen(name) + 1);
    } else {
        const char *name = NAMES[draw(sizeof NAMES / sizeof NAMES[0])];
        add(name, strlen(name) + (draw(40) != 0));
    }
}

static uint64_t some_number(void)
{
    return draw(12) == 0 ? draw(0) : draw(12) == 0 ? draw(200) : draw(3) == 0 ? 1 : numbers[channel][draw(KNOWN)];
}

static uint64_t some_handle(void)
{
    size_t at = draw(KNOWN);
    bool is_made_up = draw(12) == 0;
    drawn_owner = is_made_up ? 0 : owners[channel][at];
    return is_made_up ? draw(0) : handles[channel][at];
}

static uint64_t some_offset(void)
{
    return draw(20) == 0 ? draw(0) : draw(20) == 0 ? (uint64_t)INT64_MAX - draw(3) : draw(1 << 18);
}

static void noise(void *bytes, size_t count)
{
    uint8_t *at = bytes;
    for (size_t i = 0; i < count; i++) {
        at[i] = (uint8_t)draw(256);
    }
}

/* Sound in its form; what it says is drawn. */
static void add_body(uint32_t opcode)
{
    union {
        struct fuse_mknod_in mknod;
        struct fuse_mkdir_in mkdir;
        struct fuse_rename2_in rename;
        struct fuse_link_in link;
        struct fuse_open_in open;
        struct fuse_create_in create;
        struct fuse_read_in read;
        struct fuse_write_in write;
        struct fuse_setattr_in setattr;
        struct fuse_release_in release;
        struct fuse_flush_in flush;
        struct fuse_fsync_in fsync;
        struct fuse_lk_in lk;
        struct fuse_fallocate_in fallocate;
        struct fuse_lseek_in lseek;
        struct fuse_copy_file_range_in copy;
        struct fuse_getxattr_in getxattr;
        struct fuse_forget_in forget;
        struct fuse_batch_forget_in batch;
        struct fuse_interrupt_in interrupt;
    } in;
    memset(&in, 0, sizeof in);
    uint32_t size = (uint32_t)(draw(30) == 0 ? draw(0) : draw(30) == 0 ? MAX_DATA_BYTES : draw(2000));
    switch (opcode) {
    case FUSE_LOOKUP: case FUSE_UNLINK: case FUSE_RMDIR: case FUSE_REMOVEXATTR:
        add_name();
        break;
    case FUSE_SYMLINK:
        add_name();
        add_name();
        break;
    case FUSE_MKNOD:
        in.mknod.mode = (uint32_t)(draw(2) ? S_IFREG | 0644 : draw(0));
        add(&in, sizeof in.mknod);
        add_name();
        break;
    case FUSE_MKDIR:
        in.mkdir.mode = (uint32_t)draw(010000);
        add(&in, sizeof in.mkdir);
        add_name();
        break;
    case FUSE_RENAME:
        in.rename.newdir = some_number();
        add(&in, sizeof(struct fuse_rename_in));
        add_name();
        add_name();
        break;
    case FUSE_RENAME2:
        in.rename.newdir = some_number();
        in.rename.flags = (uint32_t)(draw(8) == 0 ? draw(0) : draw(4));
        add(&in, sizeof in.rename);
        add_name();
        add_name();
        break;
    case FUSE_LINK:
        in.link.oldnodeid = some_number();
        add(&in, sizeof in.link);
        add_name();
        break;
    case FUSE_OPEN: case FUSE_OPENDIR:
        in.open.flags = (uint32_t)(draw(8) == 0 ? draw(0) : draw(3));
        add(&in, sizeof in.open);
        break;
    case FUSE_CREATE:
        in.create.flags = (uint32_t)(O_CREAT | draw(3) | (draw(3) == 0 ? O_EXCL : 0));
        in.create.mode = (uint32_t)(S_IFREG | draw(010000));
        add(&in, sizeof in.create);
        add_name();
        break;
    case FUSE_READ: case FUSE_READDIR: case FUSE_READDIRPLUS:
        in.read.fh = some_handle();
        in.read.offset = opcode == FUSE_READ ? some_offset() : draw(3) ? 0 : draw(0);
        in.read.size = size;
        in.read.read_flags = (uint32_t)draw(4);
        in.read.lock_owner = draw(4);
        add(&in, sizeof in.read);
        break;
    case FUSE_WRITE:
        in.write.fh = some_handle();
        in.write.offset = some_offset();
        in.write.size = size;
        in.write.flags = draw(3) == 0 ? O_APPEND : 0;
        in.write.write_flags = (uint32_t)draw(8);
        in.write.lock_owner = draw(4);
        add(&in, sizeof in.write);
        if (size <= MAX_DATA_BYTES) {
            length += draw(10) == 0 ? draw(size + 1) : size;
        }
        break;
    case FUSE_SETATTR:
        noise(&in, sizeof in.setattr);
        in.setattr.valid &= draw(2) ? 0xFFFFFFFFu : 1u << draw(12);
        in.setattr.size = some_offset();
        in.setattr.fh = some_handle();
        add(&in, sizeof in.setattr);
        break;
    case FUSE_RELEASE: case FUSE_RELEASEDIR:
        in.release.fh = some_handle();
        in.release.release_flags = (uint32_t)draw(4);
        in.release.lock_owner = draw(4);
        add(&in, sizeof in.release);
        break;
    case FUSE_FLUSH:
        in.flush.fh = some_handle();
        in.flush.lock_owner = draw(4);
        add(&in, sizeof in.flush);
        break;
    case FUSE_FSYNC: case FUSE_FSYNCDIR:
        in.fsync.fh = some_handle();
        add(&in, sizeof in.fsync);
        break;
    case FUSE_GETLK: case FUSE_SETLK: case FUSE_SETLKW:
        in.lk.fh = some_handle();
        in.lk.owner = draw(4);
        in.lk.lk.start = some_offset();
        in.lk.lk.end = draw(3) == 0 ? INT64_MAX : in.lk.lk.start + draw(100);
        in.lk.lk.type = (uint32_t)draw(draw(20) == 0 ? 0 : 3);
        in.lk.lk_flags = draw(3) == 0;
        add(&in, sizeof in.lk);
        break;
    case FUSE_FALLOCATE:
        in.fallocate.fh = some_handle();
        in.fallocate.offset = some_offset() & ~4095ull;
        in.fallocate.length = draw(10) == 0 ? draw(0) : draw(1 << 16);
        in.fallocate.mode = (uint32_t)(draw(4) == 0 ? draw(0) : draw(4));
        add(&in, sizeof in.fallocate);
        break;
    case FUSE_LSEEK:
        in.lseek.fh = some_handle();
        in.lseek.offset = some_offset();
        in.lseek.whence = (uint32_t)draw(6);
        add(&in, sizeof in.lseek);
        break;
    case FUSE_COPY_FILE_RANGE:
        in.copy.fh_out = some_handle();
        in.copy.nodeid_out = drawn_owner != 0 ? drawn_owner : some_number();
        in.copy.fh_in = some_handle();
        in.copy.off_in = some_offset();
        in.copy.off_out = some_offset();
        in.copy.len = size;
        add(&in, sizeof in.copy);
        break;
    case FUSE_SETXATTR:
        add(&size, sizeof size);
        add(&size, sizeof size);
        add_name();
        length += draw(2) ? size % 3000 : draw(300);
        break;
    case FUSE_GETXATTR: case FUSE_LISTXATTR:
        in.getxattr.size = (uint32_t)(draw(2) ? 0 : draw(70000));
        add(&in, sizeof in.getxattr);
        add_name();
        break;
    case FUSE_FORGET:
        in.forget.nlookup = draw(6) == 0 ? draw(0) : 1;
        add(&in, sizeof in.forget);
        break;
    case FUSE_BATCH_FORGET:
        in.batch.count = (uint32_t)(draw(8) == 0 ? draw(0) : 3);
        add(&in, sizeof in.batch);
        for (int i = 0; i < 3; i++) {
            const struct fuse_forget_one one = {some_number(), draw(3)};
            add(&one, sizeof one);
        }
        break;
    case FUSE_INTERRUPT:
        in.interrupt.unique = unique - draw(5);
        add(&in, sizeof in.interrupt);
        break;
    }
}

void make_message(void)
{
    struct fuse_in_header header = {.opcode = (uint32_t)(draw(30) == 0 ? draw(0) : 1 + draw(48)), .unique = ++unique,
                                    .nodeid = some_number(), .uid = (uint32_t)draw(3), .gid = (uint32_t)draw(3)};
    bool forgets = header.opcode == FUSE_FORGET || header.opcode == FUSE_BATCH_FORGET;
    if (forgets && draw(16) != 0) {
        header.opcode = FUSE_CREATE;
    }
    if (header.opcode == FUSE_INIT || header.opcode == FUSE_DESTROY) {
        header.opcode = FUSE_GETATTR;
    }
    last_opcode = header.opcode;
    length = sizeof header;
    drawn_owner = 0;
    add_body(header.opcode);
    /* With another file a handle is refused, and what is behind it never reached. */
    if (drawn_owner != 0 && draw(8) != 0) {
        header.nodeid = drawn_owner;
    }
    last_node = header.nodeid;
    if (length > sizeof message) {
        length = sizeof message;
    }
    switch (draw(40)) {
    case 0:
        length = draw(length + 1);
        break;
    case 1:
        length = sizeof header + draw(200);
        noise(message + sizeof header, length - sizeof header);
        break;
    }
    header.len = (uint32_t)(draw(60) == 0 ? draw(0) : length);
    memcpy(message, &header, length < sizeof header ? length : sizeof header);
}

/* Answers are well formed, and lead to what may be asked next. */
void read_answers(void)
{
    struct port *port = &server.port;
    for (size_t at = port->out_start; at < port->out_end;) {
        struct wire_header frame;
        struct fuse_out_header out;
        memcpy(&frame, port->out + at, sizeof frame);
        const uint8_t *payload = port->out + at + sizeof frame;
        if (frame.magic != WIRE_MAGIC || frame.length > port->out_end - at - sizeof frame - WIRE_END_BYTES) {
            fail("an answer is no frame");
        }
        at += sizeof frame + frame.length + WIRE_END_BYTES;
        if (frame.kind != WIRE_FUSE) {
            continue;
        }
        memcpy(&out, payload, sizeof out);
        if (out.len != frame.length || out.error > 0 || out.error < -1000) {
            fail("an answer is not well formed");
        }
        size_t count = out.len - sizeof out;
        done[last_opcode % 64] += out.error == 0 && out.unique == unique;
        if (memmem(payload, out.len, SECRET, strlen(SECRET)) != NULL) {
            fail("a file outside was told of");
        }
        if (count == sizeof(struct fuse_entry_out) || count == sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out)) {
            memcpy(&numbers[channel][draw(KNOWN)], payload + sizeof out, sizeof numbers[0][0]);
        }
        size_t at = draw(KNOWN);
        if (count == sizeof(struct fuse_open_out)) {
            memcpy(&handles[channel][at], payload + sizeof out, sizeof handles[0][0]);
            owners[channel][at] = last_node;
        } else if (count == sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out)) {
            memcpy(&owners[channel][at], payload + sizeof out, sizeof owners[0][0]);
            memcpy(&handles[channel][at], payload + sizeof out + sizeof(struct fuse_entry_out), sizeof handles[0][0]);
        }
    }
    port->out_start = port->out_end = 0;
    if (draw(4) != 0) {
        port_drop_received(port, UINT64_MAX);
    }
}
