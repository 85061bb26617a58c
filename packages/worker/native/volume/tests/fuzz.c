/*
 * A hostile guest: raw messages, frames and tables, half sound and half not, against a server in this process. Nothing beside the root may change, and nothing of
 * it may be told; whatever else goes wrong the sanitizers find.
 *
 *   fuzz-volume <folder> [messages | seconds as 10s] [seed] [from]      the folder: empty, best on a tmpfs of its own
 *
 * `from` begins the part of a longer run that comes after so many messages: other ones, on a folder that is empty again.
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

#include "fuzz.h"

enum { QUOTA_BYTES = 8 << 20, FLOOR_BYTES = 16 << 20, TOLD_EVERY = 1000000 };

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
    attachment->floor = number == 3 ? FLOOR_BYTES : 0;
    if (has_quota) {
        int account = memfd_create("account", MFD_CLOEXEC);
        if (ftruncate(account, 4096) < 0 || quota_open(attachment, account, QUOTA_BYTES) != 0) {
            fail("quota");
        }
    }
}

int root_fd, file_fd;

void attach_all(void)
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
        fprintf(stderr, "usage: fuzz-volume <empty folder> [<messages> | <seconds>s] [<seed> [<from>]]\n");
        return 2;
    }
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
    const char *amount = argc > 2 ? argv[2] : "10s";
    bool is_time = amount[strlen(amount) - 1] == 's';
    uint64_t limit = strtoull(amount, NULL, 10);
    uint64_t from = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    state = (seed + from) * 0x9E3779B97F4A7C15u + 1;
    umask(0);
    printf("seed %llu, from %llu\n", (unsigned long long)seed, (unsigned long long)from);
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
    uint64_t count = is_time ? 0 : from;
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
