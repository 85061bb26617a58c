/* The parser of frames, and the fields in them. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "link/fields.h"
#include "link/parser.h"
#include "unit.h"

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

void test_parser(void)
{
    parser_finds_frames_however_they_are_cut();
    parser_drops_a_cut_frame_and_finds_the_hello();
    parser_bears_nothing_but_hello_after_garbage();
    parser_says_the_same_however_its_bytes_are_cut();
    parser_bears_zeros_in_any_number();
    parser_does_not_look_into_payloads();
    fields_end_where_they_are_broken();
    field_values_are_bounded();
}
