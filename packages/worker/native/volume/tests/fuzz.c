/*
 * A hostile guest: raw messages, frames and tables, half sound and half not, against a server in this process. Nothing beside the root may change, and nothing of
 * it may be told; whatever else goes wrong the sanitizers find.
 *
 *   fuzz-volume <folder> [messages | seconds as 10s] [seed]      the folder: empty, best on a tmpfs of its own
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../control.h"
#include "../quota.h"
#include "../server.h"
#include "../session.h"
#include "../table.h"
#include "../virtual.h"

enum { KNOWN = 12, MESSAGE_ROOM = MAX_MESSAGE_BYTES + 64, CHANNELS = 4, QUOTA_BYTES = 8 << 20, TOLD_EVERY = 1000000 };

#define SECRET "nobody inside may read this\n"

static uint64_t state;
static struct server server;
static uint8_t message[MESSAGE_ROOM];
static size_t length;
/* What a mount was told of, each of its own. */
static uint64_t numbers[CHANNELS + 2][KNOWN];
static uint64_t handles[CHANNELS + 2][KNOWN];
static uint16_t channel;
static uint64_t unique = 1;
/* Of each kind of message: those that were done. A kind that never is shows that the messages are not what a guest sends. */
static uint64_t done[64];
static uint32_t last_opcode;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below == 0 ? state : state % below;
}

static void fail(const char *what)
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
    return draw(12) == 0 ? draw(0) : handles[channel][draw(KNOWN)];
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
        in.copy.fh_in = some_handle();
        in.copy.fh_out = some_handle();
        in.copy.nodeid_out = some_number();
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

static void make_message(void)
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
    add_body(header.opcode);
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
static void read_answers(void)
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
        if (count == sizeof(struct fuse_open_out)) {
            memcpy(&handles[channel][draw(KNOWN)], payload + sizeof out, sizeof handles[0][0]);
        } else if (count == sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out)) {
            memcpy(&handles[channel][draw(KNOWN)], payload + sizeof out + sizeof(struct fuse_entry_out), sizeof handles[0][0]);
        }
    }
    port->out_start = port->out_end = 0;
    if (draw(4) != 0) {
        port_drop_received(port, UINT64_MAX);
    }
}

static void begin_mounts(void)
{
    for (channel = 1; channel <= CHANNELS; channel++) {
        struct {
            struct fuse_in_header header;
            struct fuse_init_in in;
        } init = {.header = {.len = sizeof init, .opcode = FUSE_INIT, .unique = ++unique, .nodeid = 1},
                  .in = {.major = FUSE_KERNEL_VERSION, .minor = 37, .flags = 0xFFFFFFFF}};
        server_do(&server, channel, (const uint8_t *)&init, sizeof init);
    }
    read_answers();
}

static int open_folder(const char *name)
{
    int fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        fail(name);
    }
    return fd;
}

static void attach_one(const char *tag, uint16_t number, enum stat_mode mode, int root, bool has_quota)
{
    struct attachment *attachment = server_add(&server, tag);
    struct statx found;
    if (attachment == NULL || stat_descriptor(root, &found) < 0) {
        fail(tag);
    }
    struct identity identity = identity_of(&found);
    nodes_set_root(&attachment->nodes, dup(root), &identity);
    attachment->has_root = true;
    attachment->channel = number;
    attachment->stat_mode = mode;
    attachment->is_shared = number % 2 == 0;
    if (has_quota) {
        int account = memfd_create("account", MFD_CLOEXEC);
        if (ftruncate(account, 4096) < 0 || quota_open(attachment, account, QUOTA_BYTES) != 0) {
            fail("quota");
        }
    }
}

static int root_fd, file_fd;

static void attach_all(void)
{
    attach_one("off", 1, STAT_OFF, root_fd, false);
    attach_one("strict", 2, STAT_STRICT, root_fd, true);
    attach_one("relaxed", 3, STAT_RELAXED, root_fd, false);
    attach_one("file", 4, STAT_OFF, file_fd, false);
    begin_mounts();
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        fail(path);
    }
    close(fd);
}

static void make_tree(const char *folder)
{
    if (chdir(folder) < 0) {
        fail(folder);
    }
    mkdir("outside", 0700);
    write_file("outside/secret", SECRET);
    mkdir("root", 0777);
    mkdir("root/folder", 0777);
    write_file("root/a", "inside\n");
    write_file("root/folder/b", "inside\n");
    (void)!symlink("../outside/secret", "root/link");
    (void)!symlink("..", "root/up");
    (void)!symlink("/etc/passwd", "root/absolute");
    (void)!symlink("/proc/self/fd/0", "root/magic");
    (void)!symlink("../outside", "root/outside");
    mkfifo("root/pipe", 0600);
}

static struct statx outside_was[2];

static void look_outside(struct statx found[2], int folder)
{
    if (stat_beneath(folder, "outside", &found[0]) < 0 || stat_beneath(folder, "outside/secret", &found[1]) < 0) {
        fail("what is outside is gone");
    }
}

static void check_outside(int folder)
{
    struct statx now[2];
    look_outside(now, folder);
    for (int i = 0; i < 2; i++) {
        if (memcmp(&now[i].stx_ctime, &outside_was[i].stx_ctime, sizeof now[i].stx_ctime) != 0 ||
            memcmp(&now[i].stx_atime, &outside_was[i].stx_atime, sizeof now[i].stx_atime) != 0) {
            fail("what is outside was touched");
        }
    }
}

/* What a server that is killed leaves behind. */
static int ledger_fds[LEDGER_FILES];

static void use_ledger(void)
{
    int fds[LEDGER_FILES];
    for (int i = 0; i < LEDGER_FILES; i++) {
        fds[i] = dup(ledger_fds[i]);
    }
    ledger_open(&server.ledger, fds);
}

/* Bytes are changed, and the sums of their entries as well. */
static void spoil_ledger(int fd)
{
    struct ledger_entry entry;
    off_t at = sizeof(struct ledger_file);
    while (pread(fd, &entry, sizeof entry, at) == sizeof entry && entry.length > 0) {
        uint8_t *bytes = malloc(entry.length);
        if (bytes == NULL || pread(fd, bytes, entry.length, at + (off_t)sizeof entry) != (ssize_t)entry.length) {
            free(bytes);
            return;
        }
        if (draw(20) == 0) {
            bytes[draw(entry.length)] = (uint8_t)draw(256);
        }
        entry.sum = ledger_sum(bytes, entry.length);
        if (pwrite(fd, &entry, sizeof entry, at) < 0 || pwrite(fd, bytes, entry.length, at + (off_t)sizeof entry) < 0) {
            fail("the ledger");
        }
        free(bytes);
        at += (off_t)(sizeof entry + entry.length);
    }
}

/* But for what a ledger has not: where numbers go on, and which open files have no name any more. */
static uint8_t *state_now(size_t *bytes)
{
    uint8_t *table = NULL;
    for (int i = 0; i < MAX_ATTACHMENTS; i++) {
        struct attachment *attachment = &server.attachments[i];
        attachment->nodes.next_generation = attachment->handles.next_generation = 0;
        for (uint32_t at = 1; at < attachment->handles.size; at++) {
            attachment->handles.all[at].lost = false;
        }
    }
    if (table_save(&server, &table, bytes) != 0) {
        fail("a table is not saved");
    }
    return table;
}

/* The one tells of the same as the other. */
static void compare_with_ledger(const uint8_t *table, size_t bytes)
{
    size_t first_bytes, second_bytes;
    if (table_load(&server, table, bytes, false) != 0) {
        fail("a table that was saved does not load");
    }
    uint8_t *first = state_now(&first_bytes);
    server_free(&server);
    if (!server_init(&server, -1, 1000)) {
        fail("no memory");
    }
    use_ledger();
    if (ledger_recover(&server) != 0) {
        fail("a ledger does not load");
    }
    uint8_t *second = state_now(&second_bytes);
    if (first_bytes != second_bytes || memcmp(first, second, first_bytes) != 0) {
        size_t at = 0;
        while (at < first_bytes && at < second_bytes && first[at] == second[at]) {
            at++;
        }
        fprintf(stderr, "table of %zu bytes, ledger's of %zu, alike up to %zu\n", first_bytes, second_bytes, at);
        fail("a ledger tells of something else");
    }
    free(first);
    free(second);
    server_free(&server);
    if (!server_init(&server, -1, 1000)) {
        fail("no memory");
    }
}

static int recover(bool is_sound, uint64_t cut)
{
    use_ledger();
    for (int i = 0; i < LEDGER_FILES && !is_sound; i++) {
        struct stat found;
        if (draw(2) && fstat(ledger_fds[i], &found) == 0 && (uint64_t)found.st_size > cut) {
            (void)!ftruncate(ledger_fds[i], found.st_size - (off_t)cut);
        } else {
            spoil_ledger(ledger_fds[i]);
        }
    }
    return ledger_recover(&server);
}

/* A state that is restored: as it is, or with bytes changed. */
static void restore_table(void)
{
    uint8_t *table = NULL;
    size_t bytes = 0;
    server.port.has_session = true;
    ledger_commit(&server);
    if (table_save(&server, &table, &bytes) != 0) {
        fail("a table is not saved");
    }
    bool is_sound = draw(2);
    for (uint64_t i = is_sound ? 0 : 1 + draw(4); i-- > 0;) {
        table[draw(bytes)] = (uint8_t)draw(256);
    }
    size_t given = !is_sound && draw(3) == 0 ? draw(bytes) : bytes;
    server_free(&server);
    if (!server_init(&server, -1, 1000)) {
        fail("no memory");
    }
    if (is_sound) {
        compare_with_ledger(table, bytes);
    }
    int error = draw(2) ? recover(is_sound, draw(2000)) : table_load(&server, table, given, draw(2));
    if (is_sound && error != 0) {
        fail("a state that was saved does not load");
    }
    free(table);
    if (server.ledger.fds[0] < 0) {
        use_ledger();
    }
    ledger_clear(&server.ledger);
    if (error != 0) {
        attach_all();
        return;
    }
    /* What lost its tag gets none of the roots. */
    const char *const tags[] = {"off", "strict", "relaxed", "file"};
    for (int i = 0; i < 4; i++) {
        struct attachment *attachment = server_tagged(&server, tags[i]);
        struct statx found;
        int root = i == 3 ? file_fd : root_fd;
        if (attachment != NULL && stat_descriptor(root, &found) == 0) {
            struct identity identity = identity_of(&found);
            nodes_set_root(&attachment->nodes, dup(root), &identity);
            attachment->has_root = true;
            attachment->stat_mode = (enum stat_mode)(i % 3);
            table_take_locks(attachment);
        }
    }
    server.port.again = 0;
}

/* Frames as they come over the port: sound ones, torn ones, noise. */
static void feed_frames(void)
{
    static uint8_t bytes[WIRE_MAX_FRAME_BYTES];
    struct wire_header header = {.magic = draw(20) ? WIRE_MAGIC : (uint32_t)draw(0), .kind = (uint8_t)(draw(10) ? WIRE_FUSE : draw(10)),
                                 .version = 1, .channel = (uint16_t)(draw(10) ? channel : draw(6)), .length = (uint32_t)(draw(20) ? length : draw(0)),
                                 .number = draw(10) ? server.port.done + 1 : draw(0), .received = draw(10) ? server.port.sent : draw(0)};
    const uint32_t end = draw(20) ? WIRE_END : 0;
    if (length > MAX_MESSAGE_BYTES) {
        return;
    }
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + sizeof header, message, length);
    memcpy(bytes + sizeof header + length, &end, sizeof end);
    size_t whole = sizeof header + length + sizeof end;
    whole = draw(20) == 0 ? draw(whole + 1) : whole;
    server.port.has_session = true;
    session_take_frame(&server, bytes, whole);
    session_find_welcome(&server, bytes, whole);
    read_answers();
    for (uint16_t i = 0; i < CHANNELS; i++) {
        const char *const tags[] = {"off", "strict", "relaxed", "file"};
        struct attachment *attachment = server_tagged(&server, tags[i]);
        if (attachment != NULL && attachment->channel == 0) {
            attachment->channel = (uint16_t)(i + 1);
            attachment->minor = 37;
            server.ledger.is_due = true;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: fuzz-volume <empty folder> [<messages> | <seconds>s] [<seed>]\n");
        return 2;
    }
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
    const char *amount = argc > 2 ? argv[2] : "10s";
    bool is_time = amount[strlen(amount) - 1] == 's';
    uint64_t limit = strtoull(amount, NULL, 10);
    state = seed * 0x9E3779B97F4A7C15u + 1;
    umask(0);
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    make_tree(argv[1]);
    int above = open_folder(".");
    root_fd = open_folder("root");
    file_fd = open("root/a", O_PATH | O_CLOEXEC);
    look_outside(outside_was, above);
    if (enter_descriptors() < 0 || !server_init(&server, -1, 1000)) {
        fail("start");
    }
    for (int i = 0; i < LEDGER_FILES; i++) {
        ledger_fds[i] = memfd_create("ledger", MFD_CLOEXEC);
    }
    use_ledger();
    attach_all();
    time_t until = time(NULL) + (time_t)limit;
    uint64_t count = 0;
    for (; is_time ? (count % 1000 != 0 || time(NULL) < until) : count < limit; count++) {
        channel = (uint16_t)(draw(50) == 0 ? CHANNELS + 1 : 1 + draw(CHANNELS));
        make_message();
        if (draw(10) == 0) {
            feed_frames();
        } else {
            server.port.has_session = true;
            server.port.done++;
            ledger_begin(&server, channel, message, length);
            server_do(&server, channel, message, length);
            ledger_commit(&server);
            read_answers();
        }
        if (draw(50) == 0) {
            waiting_hurry(&server);
            waiting_try(&server);
            ledger_commit(&server);
            read_answers();
        }
        if (draw(10000) == 0) {
            restore_table();
            read_answers();
        }
        if (count % 10000 == 0) {
            check_outside(above);
        }
        if (count > 0 && count % TOLD_EVERY == 0) {
            printf("%llu messages so far\n", (unsigned long long)count);
            fflush(stdout);
        }
        server.is_over = false;
    }
    check_outside(above);
    printf("%llu messages\n", (unsigned long long)count);
    for (uint32_t opcode = 0; opcode < 64; opcode++) {
        if (getenv("FUZZ_COUNTS") != NULL && done[opcode] > 0) {
            printf("%u: %llu done\n", opcode, (unsigned long long)done[opcode]);
        }
    }
    server_free(&server);
    close(above);
    close(root_fd);
    close(file_fd);
    return 0;
}
