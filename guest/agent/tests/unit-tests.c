/* What needs no process and no socket: the parser, fields, files' names, the link's queue, accounts. Built with sanitizers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "fields.h"
#include "link.h"
#include "parser.h"
#include "paths.h"

static int failures;

#define CHECK(condition)                                                                                                \
    do {                                                                                                                \
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

int main(void)
{
    char folder[] = "/tmp/agent-unit-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    parser_finds_frames_however_they_are_cut();
    parser_drops_a_cut_frame_and_finds_the_hello();
    parser_bears_nothing_but_hello_after_garbage();
    fields_end_where_they_are_broken();
    field_values_are_bounded();
    link_drops_a_half_written_frame();
    link_bounds_its_control_queue();
    files_are_written_whole(folder);
    accounts_are_names_or_numbers();
    rmdir(folder);
    printf("unit tests: %d checks failed\n", failures);
    return failures != 0;
}
