/* What needs no command and no host: the parser, fields, files' names, the link's queue, accounts, the loop of a port. Built with sanitizers. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "files/verbs.h"
#include "identity/own-name.h"
#include "link/fields.h"
#include "link/link.h"
#include "link/parser.h"
#include "loop/dispatch.h"
#include "loop/serve.h"
#include "streams/stream.h"
#include "streams/turns.h"
#include "system/account.h"
#include "system/paths.h"

static int checks, failures;

#define CHECK(condition)                                                                                                \
    do {                                                                                                                \
        checks++;                                                                                                       \
        if (!(condition)) {                                                                                             \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                      \
            failures++;                                                                                                 \
        }                                                                                                               \
    } while (0)

static struct parser parser;

static size_t put_frame(uint8_t *at, uint8_t kind, uint32_t stream, const void *payload, uint32_t length)
{
    at[0] = FRAME_FIRST_BYTE;
    at[1] = kind;
    at[2] = 7;
    at[3] = 0;
    memcpy(at + 4, &stream, sizeof stream);
    memcpy(at + 8, &length, sizeof length);
    memcpy(at + FRAME_HEADER_BYTES, payload, length);
    at[FRAME_HEADER_BYTES + length] = FRAME_LAST_BYTE;
    return FRAME_HEADER_BYTES + (size_t)length + 1;
}

static size_t put_hello(uint8_t *at)
{
    uint8_t payload[HELLO_BYTES] = HELLO_MARKER;
    return put_frame(at, KIND_HELLO, 0, payload, sizeof payload);
}

/* What a stream of bytes was taken for: the same however it is cut. */
struct seen {
    int frames;
    uint32_t digest;
};

static void note(struct seen *seen, const struct frame *frame)
{
    seen->frames++;
    seen->digest = (seen->digest ^ frame->kind ^ frame->stream << 8 ^ frame->length << 16) * 16777619u;
    for (uint32_t i = 0; i < frame->length; i++) {
        seen->digest = (seen->digest ^ frame->payload[i]) * 16777619u;
    }
}

static struct seen feed_noting(const uint8_t *bytes, size_t length, size_t piece)
{
    struct seen seen = {0, 2166136261u};
    struct frame frame;
    parser_init(&parser);
    while (length > 0) {
        size_t room, now = length < piece ? length : piece;
        uint8_t *space = parser_space(&parser, &room);
        now = now < room ? now : room;
        memcpy(space, bytes, now);
        parser_filled(&parser, now);
        bytes += now;
        length -= now;
        while (parser_next(&parser, &frame)) {
            note(&seen, &frame);
        }
    }
    return seen;
}

/* Feeds in pieces and counts the frames; the last one's kind goes to `last`. */
static int feed(const uint8_t *bytes, size_t length, size_t piece, uint8_t *last)
{
    int frames = 0;
    while (length > 0) {
        size_t room, now;
        uint8_t *space = parser_space(&parser, &room);
        now = length < piece ? length : piece;
        now = now < room ? now : room;
        memcpy(space, bytes, now);
        parser_filled(&parser, now);
        bytes += now;
        length -= now;
        for (struct frame frame; parser_next(&parser, &frame); frames++) {
            *last = frame.kind;
        }
    }
    return frames;
}

static void parser_finds_frames_however_they_are_cut(void)
{
    static uint8_t bytes[2 * FRAME_MAX_BYTES], payload[FRAME_MAX_PAYLOAD];
    uint8_t last = 0;
    size_t length = put_frame(bytes, KIND_DATA, 1, payload, sizeof payload);
    length += put_frame(bytes + length, KIND_PING, 0, "", 0);
    static const size_t pieces[] = {1, 12, 13, 4096, 65549, 65550, sizeof bytes};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        parser_init(&parser);
        CHECK(feed(bytes, length, pieces[i], &last) == 2 && last == KIND_PING);
    }
}

static void parser_drops_a_cut_frame_and_finds_the_hello(void)
{
    static uint8_t bytes[3 * FRAME_MAX_BYTES], payload[FRAME_MAX_PAYLOAD];
    for (size_t cut = 1; cut < FRAME_MAX_BYTES; cut += cut < 20 ? 1 : 9973) {
        uint8_t last = 0;
        memset(bytes, 0, sizeof bytes);
        put_frame(bytes, KIND_DATA, 1, payload, sizeof payload);
        memset(bytes + cut, 0, FRAME_MAX_BYTES - cut);
        size_t length = cut + FRAME_MAX_BYTES;
        length += put_hello(bytes + length);
        parser_init(&parser);
        CHECK(feed(bytes, length, SIZE_MAX, &last) == 1 && last == KIND_HELLO);
    }
}

static void parser_bears_nothing_but_hello_after_garbage(void)
{
    static const uint8_t bad[][FRAME_HEADER_BYTES] = {
        {0xF4, KIND_PING},
        {FRAME_FIRST_BYTE, 0},
        {FRAME_FIRST_BYTE, 21},
        {FRAME_FIRST_BYTE, 41},
        {FRAME_FIRST_BYTE, KIND_DATA, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0},
        {FRAME_FIRST_BYTE, KIND_DATA, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t bytes[256], last = 0;
        memcpy(bytes, bad[i], FRAME_HEADER_BYTES);
        size_t length = FRAME_HEADER_BYTES;
        length += put_frame(bytes + length, KIND_PING, 0, "lost", 4);
        parser_init(&parser);
        CHECK(feed(bytes, length, 1, &last) == 0);
        length = put_hello(bytes);
        CHECK(feed(bytes, length, 1, &last) == 1 && last == KIND_HELLO);
        length = put_frame(bytes, KIND_PING, 0, "kept", 4);
        CHECK(feed(bytes, length, 1, &last) == 1 && last == KIND_PING);
    }
}

static void parser_says_the_same_however_its_bytes_are_cut(void)
{
    uint8_t bytes[600];
    size_t length = put_hello(bytes);
    for (uint32_t i = 0; i < 6; i++) {
        length += put_frame(bytes + length, KIND_DATA, i, "0123456789", i * 2);
    }
    memset(bytes + length, FRAME_FIRST_BYTE, 40);
    length += 40;
    length += put_hello(bytes + length);
    length += put_frame(bytes + length, KIND_PING, 0, "behind", 6);
    const struct seen whole = feed_noting(bytes, length, SIZE_MAX);
    CHECK(whole.frames == 9);
    for (size_t piece = 1; piece <= length; piece++) {
        struct seen seen = feed_noting(bytes, length, piece);
        CHECK(seen.frames == whole.frames && seen.digest == whole.digest);
    }
}

static void parser_bears_zeros_in_any_number(void)
{
    static uint8_t bytes[4 * FRAME_MAX_BYTES];
    for (size_t times = 1; times <= 3; times++) {
        memset(bytes, 0, sizeof bytes);
        size_t length = times * FRAME_MAX_BYTES;
        length += put_hello(bytes + length);
        length += put_frame(bytes + length, KIND_PING, 0, "", 0);
        CHECK(feed_noting(bytes, length, SIZE_MAX).frames == 2);
        CHECK(feed_noting(bytes, length, 4096).frames == 2);
    }
}

/* A HELLO inside of a frame's payload is payload. */
static void parser_does_not_look_into_payloads(void)
{
    uint8_t inner[128], bytes[256], last = 0;
    size_t length = put_hello(inner);
    length = put_frame(bytes, KIND_DATA, 1, inner, (uint32_t)length);
    parser_init(&parser);
    CHECK(feed(bytes, length, SIZE_MAX, &last) == 1 && last == KIND_DATA);
    bytes[length - 1] = 0;
    parser_init(&parser);
    CHECK(feed(bytes, length, SIZE_MAX, &last) == 0);
}

static void fields_end_where_they_are_broken(void)
{
    static const uint8_t list[] = {1, 0, 0, 0, 2, 0, 0, 0, 'a', 'b', 2, 0, 0, 0, 0, 0, 0, 0};
    struct field field;
    struct field_reader reader = fields_open(list, sizeof list);
    CHECK(fields_next(&reader, &field) && field.tag == 1 && field.length == 2 && memcmp(field.value, "ab", 2) == 0);
    CHECK(fields_next(&reader, &field) && field.tag == 2 && field.length == 0);
    CHECK(!fields_next(&reader, &field) && !reader.broken);
    for (size_t length = 1; length < sizeof list; length++) {
        int found = 0;
        reader = fields_open(list, length);
        while (fields_next(&reader, &field)) {
            found++;
        }
        CHECK(reader.broken == (length != 10) && found == (length >= 10));
    }
}

static void field_values_are_bounded(void)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const struct field whole = {.tag = 1, .length = 8, .value = bytes};
    const struct field part = {.tag = 1, .length = 3, .value = bytes};
    const struct field with_nul = {.tag = 1, .length = 3, .value = (const uint8_t *)"a\0b"};
    CHECK(field_u16(&whole, 2) == 0x0403 && field_u32(&whole) == 0x04030201 && field_u64(&whole) == 0x0807060504030201);
    CHECK(field_u16(&part, 2) == 0 && field_u32(&part) == 0 && field_u64(&part) == 0);
    CHECK(field_string(&with_nul) == NULL);
    char *string = field_string(&part);
    CHECK(string != NULL && strcmp(string, "\1\2\3") == 0);
    free(string);
}

static void link_drops_a_half_written_frame(void)
{
    static struct link link;
    static uint8_t bytes[FRAME_MAX_BYTES];
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    link_init(&link, ends[0]);
    for (int i = 0; i < 1000 && link_has_room(&link); i++) {
        memset(link_data_space(&link), i, FRAME_MAX_PAYLOAD);
        link_send_data(&link, KIND_DATA, 1, FRAME_MAX_PAYLOAD);
    }
    CHECK(!link_has_room(&link));
    link_drop_output(&link);
    while (read(ends[1], bytes, sizeof bytes) > 0) {
    }
    link_send(&link, KIND_PONG, 0, "ok", 2);
    CHECK(link_flush(&link) && read(ends[1], bytes, sizeof bytes) == FRAME_HEADER_BYTES + 3);
    CHECK(bytes[1] == KIND_PONG && memcmp(bytes + FRAME_HEADER_BYTES, "ok\x5f", 3) == 0);
    close(ends[0]);
    close(ends[1]);
}

/* A reader that takes a few bytes at a time from a tiny socket sees whole frames, control in its order, data between. */
static void link_keeps_frames_whole_and_in_order(void)
{
    static struct link link;
    static uint8_t taken[1 << 20];
    int ends[2], tiny = 1;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &tiny, sizeof tiny);
    link_init(&link, ends[0]);
    uint32_t sent = 0, data_sent = 0;
    size_t length = 0;
    for (int round = 0; round < 4000 && (sent < 200 || data_sent < 5 || link_is_congested(&link)); round++) {
        if (sent < 200) {
            link_send_parts(&link, KIND_DONE, 1, &sent, sizeof sent, "tail", sent % 5);
            sent++;
        } else {
            CHECK(link_flush(&link));
        }
        if (link_has_room(&link) && data_sent < 5) {
            memset(link_data_space(&link), (int)data_sent++, 20000);
            link_send_data(&link, KIND_DATA, 2, 20000);
        }
        link_flush(&link);
        ssize_t bytes = read(ends[1], taken + length, 777);
        length += bytes > 0 ? (size_t)bytes : 0;
    }
    for (ssize_t bytes; (bytes = read(ends[1], taken + length, sizeof taken - length)) > 0;) {
        length += (size_t)bytes;
    }
    uint32_t expected = 0;
    size_t at = 0;
    while (at < length) {
        uint32_t payload, number;
        memcpy(&payload, taken + at + 8, sizeof payload);
        memcpy(&number, taken + at + FRAME_HEADER_BYTES, sizeof number);
        CHECK(taken[at] == FRAME_FIRST_BYTE && taken[at + FRAME_HEADER_BYTES + payload] == FRAME_LAST_BYTE);
        if (taken[at + 1] == KIND_DONE) {
            CHECK(number == expected && payload == 4 + expected % 5);
            expected++;
        }
        at += FRAME_HEADER_BYTES + payload + 1;
    }
    CHECK(at == length && expected == 200 && sent == 200 && data_sent == 5);
    close(ends[0]);
    close(ends[1]);
}

static void link_bounds_its_control_queue(void)
{
    static struct link link;
    static uint8_t payload[MAX_TEXT_BYTES];
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    link_init(&link, ends[0]);
    CHECK(link_accepts_input(&link));
    for (int i = 0; i < 1000; i++) {
        link_send(&link, KIND_DONE, 1, payload, sizeof payload);
    }
    CHECK(!link_accepts_input(&link) && link.control_end <= CONTROL_QUEUE_BYTES);
    close(ends[0]);
    close(ends[1]);
}

static void files_are_written_whole(const char *folder)
{
    char path[256];
    struct stat found;
    snprintf(path, sizeof path, "%s/a/b/file", folder);
    CHECK(write_whole(path, (const uint8_t *)"x", 1, 0600) == ENOENT);
    CHECK(make_parents(path) == 0 && make_parents(path) == 0);
    CHECK(write_whole(path, (const uint8_t *)"content", 7, 0751) == 0);
    CHECK(stat(path, &found) == 0 && found.st_size == 7 && (found.st_mode & 07777) == 0751);
    unlink(path);
    snprintf(path, sizeof path, "%s/a/b", folder);
    CHECK(write_whole(path, (const uint8_t *)"x", 1, 0600) != 0);
    CHECK(rmdir(path) == 0);
    snprintf(path, sizeof path, "%s/a", folder);
    CHECK(rmdir(path) == 0); /* No temporary file was left. */
}

/* The C library's answer is the right one, where it needs no daemon. */
static void groups_are_those_of_the_library(void)
{
    struct account account;
    int compared = 0;
    setpwent();
    for (const struct passwd *entry; (entry = getpwent()) != NULL; compared++) {
        gid_t groups[MAX_GROUPS];
        int count = MAX_GROUPS;
        char name[MAX_ACCOUNT_TEXT];
        snprintf(name, sizeof name, "%s", entry->pw_name);
        CHECK(getgrouplist(name, entry->pw_gid, groups, &count) >= 0);
        CHECK(account_find(name, &account) && account.uid == entry->pw_uid && account.group_count == count);
        CHECK(memcmp(account.groups, groups, (size_t)count * sizeof *groups) == 0);
    }
    endpwent();
    CHECK(compared > 0);
}

static void expect_text(const char *path, const char *text)
{
    char found[64] = "";
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, found, sizeof found - 1) == (ssize_t)strlen(text) && strcmp(found, text) == 0);
    close(fd);
}

static ino_t inode_of(const char *path)
{
    struct stat found;
    CHECK(lstat(path, &found) == 0);
    return found.st_ino;
}

static void files_are_overwritten_where_that_is_safe(const char *folder)
{
    char path[256], other[256];
    snprintf(path, sizeof path, "%s/file", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    CHECK(overwrite(path, (const uint8_t *)"the first", 9, 0644) == 0);
    ino_t first = inode_of(path);
    CHECK(overwrite(path, (const uint8_t *)"second", 6, 0644) == 0 && inode_of(path) == first);
    expect_text(path, "second");
    /* What it holds already is not written. */
    struct stat before, after;
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    CHECK(utimensat(AT_FDCWD, path, long_ago, 0) == 0 && stat(path, &before) == 0);
    CHECK(overwrite(path, (const uint8_t *)"second", 6, 0644) == 0 && stat(path, &after) == 0);
    CHECK(after.st_mtim.tv_sec == 1);
    CHECK(overwrite(path, (const uint8_t *)"longer than that", 16, 0644) == 0 && inode_of(path) == first);
    expect_text(path, "longer than that");
    /* Another mode, another name, a link: somebody else may read it, or it is somebody else's. */
    CHECK(overwrite(path, (const uint8_t *)"closed", 6, 0600) == 0 && stat(path, &after) == 0);
    CHECK((after.st_mode & 07777) == 0600);
    CHECK(link(path, other) == 0 && overwrite(path, (const uint8_t *)"mine", 4, 0600) == 0);
    expect_text(path, "mine");
    expect_text(other, "closed");
    CHECK(unlink(path) == 0 && symlink(other, path) == 0 && overwrite(path, (const uint8_t *)"mine", 4, 0600) == 0);
    expect_text(path, "mine");
    expect_text(other, "closed");
    CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0 && overwrite(path, (const uint8_t *)"mine", 4, 0600) == 0);
    expect_text(path, "mine");
    CHECK(unlink(path) == 0 && unlink(other) == 0);
}

/* Who has the old file open goes on reading it: nothing is written in place. */
static void files_are_replaced_not_changed(const char *folder)
{
    char path[256], trap[512], text[16] = "";
    struct stat found;
    snprintf(path, sizeof path, "%s/file", folder);
    CHECK(write_whole(path, (const uint8_t *)"old", 3, 0644) == 0);
    int old = open(path, O_RDONLY);
    CHECK(write_whole(path, (const uint8_t *)"newer", 5, 0600) == 0);
    CHECK(read(old, text, sizeof text) == 3 && memcmp(text, "old", 3) == 0);
    close(old);
    CHECK(stat(path, &found) == 0 && found.st_size == 5);
    /* The next name is taken by a link to what must not be written to. */
    char *temporary = NULL;
    int fd = open_temporary(path, &temporary);
    CHECK(fd >= 0);
    char *number = strrchr(temporary, '-');
    snprintf(trap, sizeof trap, "%.*s%d.part", (int)(number + 1 - temporary), temporary, atoi(number + 1) + 1);
    CHECK(link(path, trap) == 0 && write_whole(path, (const uint8_t *)"third", 5, 0644) == 0);
    old = open(trap, O_RDONLY);
    CHECK(read(old, text, sizeof text) == 5 && memcmp(text, "newer", 5) == 0);
    close(old);
    close(fd);
    CHECK(unlink(temporary) == 0 && unlink(trap) == 0 && unlink(path) == 0);
    free(temporary);
}

/* The port of a VM without a host reports its hang-up for as long as it lasts, even when much waits to be written to it. */
static void a_port_without_a_host_costs_no_time(void)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        struct agent *agent = agent_new(ends[0]);
        static uint8_t payload[MAX_TEXT_BYTES];
        /* More than the mark and what a socket takes. */
        for (int i = 0; i < 125; i++) {
            link_send(&agent->link, KIND_DONE, 1, payload, sizeof payload);
        }
        agent_serve(agent, true);
        _exit(0);
    }
    close(ends[0]);
    /* It writes what the socket takes, and then the host is gone. */
    struct timespec pause = {.tv_nsec = 200000000};
    nanosleep(&pause, NULL);
    close(ends[1]);
    pause.tv_nsec = 600000000;
    nanosleep(&pause, NULL);
    CHECK(kill(pid, SIGKILL) == 0);
    struct rusage usage;
    int status;
    CHECK(wait4(pid, &status, 0, &usage) == pid && WIFSIGNALED(status));
    CHECK(usage.ru_nvcsw + usage.ru_nivcsw < 200 && usage.ru_utime.tv_usec + usage.ru_stime.tv_usec < 100000);
}

static void accounts_are_names_or_numbers(void)
{
    struct account account;
    CHECK(account_find("root", &account) && account.uid == 0 && strcmp(account.home, "/root") == 0);
    CHECK(account_find("0", &account) && strcmp(account.name, "root") == 0);
    CHECK(account_find("54321", &account) && account.uid == 54321 && account.gid == 54321 && account.group_count == 0);
    static const char *const nobody[] = {"", "-1", "4294967295", "99999999999999999999", "0x10", " 0", "no-such-user"};
    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        CHECK(!account_find(nobody[i], &account));
    }
}

static bool names_itself(const char *hosts, const char *name, const char *expected)
{
    char result[512];
    size_t length = hosts_with_own_name(hosts, strlen(hosts), name, result, sizeof result);
    return length == strlen(expected) && memcmp(result, expected, length) == 0;
}

static void a_line_of_ours_gives_the_own_name(void)
{
    const char *mark = " # fastvm: this VM's own name\n";
    char first[200], second[200];
    snprintf(first, sizeof first, "127.0.0.1 localhost\n127.0.1.1 a%s::1 db\n", mark);
    snprintf(second, sizeof second, "127.0.0.1 localhost\n127.0.1.1 longer-name%s::1 db\n", mark);
    CHECK(names_itself(first, "longer-name", second));
    CHECK(names_itself(second, "a", first));
    CHECK(names_itself(first, "a", first));
    snprintf(second, sizeof second, "10.0.0.1 a\n127.0.1.1 a%s", mark);
    CHECK(names_itself("10.0.0.1 a", "a", second));
    snprintf(first, sizeof first, "127.0.1.1 a%s", mark);
    CHECK(names_itself("", "a", first));
    /* A line written twice, as by a hand that copied it, becomes one. */
    snprintf(second, sizeof second, "127.0.1.1 b%s127.0.1.1 c%s", mark, mark);
    char once[200];
    snprintf(once, sizeof once, "127.0.1.1 a%s", mark);
    CHECK(names_itself(second, "a", once));
    char small[16];
    CHECK(hosts_with_own_name("x\n", 2, "a", small, sizeof small) == 0);
}

/* A kind that notes what it is asked, a letter each. */
static char asked[64];

static void ask(char letter)
{
    size_t length = strlen(asked);
    CHECK(length + 1 < sizeof asked);
    asked[length] = letter;
    asked[length + 1] = 0;
}

static void noting_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length)
{
    CHECK(length == 2 && memcmp(bytes, "hi", 2) == 0);
    stream_consumed(agent, stream, (uint32_t)length);
    ask('d');
}

static void noting_end(struct agent *agent, struct stream *stream)
{
    (void)agent, (void)stream;
    ask('e');
}

static void noting_resume(struct agent *agent, struct stream *stream)
{
    (void)agent, (void)stream;
    ask('c');
}

static void noting_frame(struct stream *stream, const struct frame *frame)
{
    (void)stream;
    CHECK(frame->kind == KIND_SIGNAL && frame_u32(frame) == 9);
    ask('f');
}

static void noting_pump(struct agent *agent, struct stream *stream)
{
    (void)agent;
    stream->window = 0;
    ask('p');
}

static void noting_tick(struct agent *agent, struct stream *stream, uint64_t now_ns)
{
    (void)agent;
    stream->due_ns = now_ns + 5000000;
    ask('t');
}

static void noting_kill(struct stream *stream)
{
    (void)stream;
    ask('k');
}

static void noting_detach(struct agent *agent, struct stream *stream)
{
    (void)agent, (void)stream;
    ask('l');
}

static void noting_release(struct stream *stream)
{
    (void)stream;
    ask('r');
}

static const struct stream_kind noting_kind = {
    .bytes = sizeof(struct stream),
    .data = noting_data,
    .end = noting_end,
    .resume = noting_resume,
    .frame = noting_frame,
    .pump = noting_pump,
    .tick = noting_tick,
    .kill = noting_kill,
    .detach = noting_detach,
    .release = noting_release,
};

static const struct stream_kind silent_kind = {.bytes = sizeof(struct stream)};

static void tell(struct agent *agent, uint8_t kind, uint32_t stream, const void *payload, uint32_t length)
{
    const struct frame frame = {.kind = kind, .session = 7, .stream = stream, .length = length, .payload = payload};
    dispatch(agent, &frame);
}

static void greet(struct agent *agent, uint8_t generation)
{
    uint8_t payload[HELLO_BYTES] = HELLO_MARKER;
    static uint8_t nonce;
    payload[MARKER_BYTES] = generation;
    payload[HELLO_BYTES - 1] = ++nonce;
    tell(agent, KIND_HELLO, 0, payload, sizeof payload);
}

/* Neither the loop nor what reads frames knows the kinds: one that they have never seen is asked all that it has a function for, and nothing else. */
static void a_new_kind_needs_its_table_alone(void)
{
    int ends[2];
    const uint32_t number = 9;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    struct agent *agent = agent_new(ends[0]);
    greet(agent, 1);
    struct stream *stream = stream_open(agent, 3, &noting_kind);
    CHECK(stream != NULL && stream_open(agent, 3, &noting_kind) == NULL);
    tell(agent, KIND_DATA, 3, "hi", 2);
    tell(agent, KIND_SIGNAL, 3, &number, sizeof number);
    tell(agent, KIND_END, 3, NULL, 0);
    CHECK(streams_can_pump(agent) && link_flush(&agent->link));
    streams_pump(agent);
    streams_pump(agent);
    CHECK(!streams_can_pump(agent)); /* Without a window it is not asked again. */
    tell(agent, KIND_CREDIT, 3, &number, sizeof number);
    streams_tick(agent, 1000);
    stream_start_timer(agent, stream);
    CHECK(streams_next_tick_ms(agent, 1000) == -1);
    streams_tick(agent, 1000);
    CHECK(streams_next_tick_ms(agent, 1000) == 6 && streams_next_tick_ms(agent, 9000000) == 0);
    tell(agent, KIND_RESET, 3, &number, sizeof number);
    CHECK(strcmp(asked, "dfepctkr") == 0 && stream_find(agent, 3) == NULL);
    CHECK(agent->timed_streams == 0 && agent->pumped_streams == 0);

    /* A VM that was restored leaves what ran to itself; a host that comes back ends it. */
    asked[0] = 0;
    stream_open(agent, 4, &noting_kind);
    greet(agent, 2);
    stream_open(agent, 4, &noting_kind);
    greet(agent, 2);
    CHECK(strcmp(asked, "lrkr") == 0);

    CHECK(stream_open(agent, 5, &silent_kind) != NULL);
    tell(agent, KIND_SIGNAL, 5, &number, sizeof number);
    tell(agent, KIND_END, 5, NULL, 0);
    tell(agent, KIND_CREDIT, 5, &(uint32_t){0}, sizeof(uint32_t));
    CHECK(stream_find(agent, 5) != NULL && !streams_can_pump(agent));
    tell(agent, KIND_DATA, 5, "hi", 2);
    CHECK(stream_find(agent, 5) == NULL); /* It takes no data. */
    CHECK(streams_free_dead(agent) && !streams_free_dead(agent));
    agent_free(agent);
    close(ends[0]);
    close(ends[1]);
}

static void kernels_that_know_free_pages_are_told(void)
{
    CHECK(!knows_free_pages("console=ttyS0 quiet init_on_alloc=1"));
    CHECK(!knows_free_pages("init_on_free=0 page_poison=off debug_pagealloc=n"));
    CHECK(knows_free_pages("quiet init_on_free=1"));
    CHECK(knows_free_pages("init_on_free=0 init_on_free=on"));
    CHECK(knows_free_pages("page_poison=1\n"));
    CHECK(knows_free_pages("debug_pagealloc=on"));
}

int main(void)
{
    char folder[] = "/tmp/agent-unit-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    parser_finds_frames_however_they_are_cut();
    parser_drops_a_cut_frame_and_finds_the_hello();
    parser_bears_nothing_but_hello_after_garbage();
    parser_says_the_same_however_its_bytes_are_cut();
    parser_bears_zeros_in_any_number();
    parser_does_not_look_into_payloads();
    fields_end_where_they_are_broken();
    field_values_are_bounded();
    link_drops_a_half_written_frame();
    link_bounds_its_control_queue();
    link_keeps_frames_whole_and_in_order();
    files_are_written_whole(folder);
    files_are_overwritten_where_that_is_safe(folder);
    files_are_replaced_not_changed(folder);
    accounts_are_names_or_numbers();
    groups_are_those_of_the_library();
    a_port_without_a_host_costs_no_time();
    a_new_kind_needs_its_table_alone();
    a_line_of_ours_gives_the_own_name();
    kernels_that_know_free_pages_are_told();
    CHECK(rmdir(folder) == 0);
    printf("%d passed, %d failed\n", checks - failures, failures);
    return failures != 0;
}
