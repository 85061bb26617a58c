/*
 * Fuzzes the frame parser and the field reader. With clang's libFuzzer, or with the driver below: seeded mutations of sound
 * frames, for SECONDS, so that gcc alone can run it. The seed that it prints repeats its run: FUZZ_SEED=n fuzz-parser SECONDS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "link/fields.h"
#include "link/parser.h"

static struct parser parser;
static unsigned long long frames_found;
static unsigned long long hellos_found;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz: %s\n", what);
        abort();
    }
}

/* Reads all that a frame hands out, so that the sanitizer sees what lies outside. */
static void read_frame(const struct frame *frame)
{
    unsigned sum = 0;
    check(frame->length <= FRAME_MAX_PAYLOAD, "a payload beyond the bound");
    for (uint32_t i = 0; i < frame->length; i++) {
        sum += frame->payload[i];
    }
    struct field_reader reader = fields_open(frame->payload, frame->length);
    struct field field;
    while (fields_next(&reader, &field)) {
        free(field_string(&field));
        sum += field_u16(&field, 0) + field_u16(&field, 2) + field_u32(&field) + (unsigned)field_u64(&field);
    }
    volatile unsigned sink = sum;
    (void)sink;
    frames_found++;
    hellos_found += frame->kind == KIND_HELLO;
}

struct found {
    unsigned long long frames;
    unsigned long long payload_bytes;
    uint32_t digest;
};

static struct found parse(const uint8_t *next, size_t left, size_t piece)
{
    struct found found = {0, 0, 0};
    parser_init(&parser);
    while (left > 0) {
        size_t room;
        uint8_t *space = parser_space(&parser, &room);
        check(room > 0, "the parser stands still with a full buffer");
        size_t bytes = left < room ? left : room;
        bytes = bytes < piece ? bytes : piece;
        memcpy(space, next, bytes);
        parser_filled(&parser, bytes);
        next += bytes;
        left -= bytes;
        struct frame frame;
        while (parser_next(&parser, &frame)) {
            read_frame(&frame);
            found.frames++;
            found.payload_bytes += frame.length;
            found.digest = (found.digest ^ frame.kind ^ frame.stream) * 16777619u;
        }
    }
    return found;
}

/* The first byte says in what pieces the rest arrives. What is found must not depend on it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct found whole = parse(data + 1, size - 1, SIZE_MAX);
    struct found pieces = parse(data + 1, size - 1, 1 + (size_t)data[0] * 7);
    check(whole.frames == pieces.frames && whole.payload_bytes == pieces.payload_bytes && whole.digest == pieces.digest,
          "what is found depends on how the bytes arrive");
    return 0;
}

#ifndef FUZZ_WITH_LIBFUZZER

enum { INPUT_BYTES = 300000, CLOCK_EVERY = 64 };

static uint64_t state;

/* xorshift64*: the same on every machine. */
static uint32_t random_below(uint32_t bound)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 2685821657736338717u) >> 33) % bound;
}

static size_t put_frame(uint8_t *at)
{
    static const uint8_t kinds[] = {KIND_HELLO, KIND_PING, KIND_IDENTITY, KIND_OPEN_EXEC, KIND_DATA, KIND_CREDIT};
    uint8_t kind = kinds[random_below(sizeof kinds)];
    uint32_t length = kind == KIND_HELLO ? HELLO_BYTES : random_below(10) == 0 ? FRAME_MAX_PAYLOAD : random_below(200);
    uint32_t words[2] = {random_below(5), length};
    at[0] = FRAME_FIRST_BYTE;
    at[1] = kind;
    at[2] = at[3] = 1;
    memcpy(at + 4, words, sizeof words);
    uint8_t *payload = at + FRAME_HEADER_BYTES;
    for (uint32_t i = 0; i < length; i++) {
        payload[i] = (uint8_t)random_below(random_below(2) == 0 ? 8 : 256);
    }
    if (kind == KIND_HELLO) {
        memcpy(payload, HELLO_MARKER, MARKER_BYTES);
    }
    payload[length] = FRAME_LAST_BYTE;
    return FRAME_HEADER_BYTES + length + 1;
}

static size_t cut(uint8_t *input, size_t size)
{
    size_t from = random_below((uint32_t)size), bytes = random_below((uint32_t)(size - from));
    memmove(input + from, input + from + bytes, size - from - bytes);
    return size - bytes;
}

static size_t make_input(uint8_t *input)
{
    static const uint8_t favourites[] = {0, 1, 0xF5, 0x5F, 0x7F, 0x80, 0xFF};
    size_t size = 1;
    input[0] = (uint8_t)random_below(256);
    for (uint32_t frames = 1 + random_below(6); frames > 0 && size + FRAME_MAX_BYTES < INPUT_BYTES; frames--) {
        size += put_frame(input + size);
    }
    for (uint32_t changes = random_below(8); changes > 0; changes--) {
        /* Half of them near the front, where headers are. */
        uint32_t reach = random_below(2) == 0 && size > 64 ? 64 : (uint32_t)size;
        input[random_below(reach)] = favourites[random_below(sizeof favourites)];
    }
    return random_below(4) == 0 ? cut(input, size) : size;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 10;
    const char *given = getenv("FUZZ_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();
    printf("fuzz: seed %llu, %.0f s\n", (unsigned long long)seed, seconds);
    fflush(stdout);
    state = seed * 2654435761u + 1;
    uint8_t *input = malloc(INPUT_BYTES);
    check(input != NULL, "no memory");
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    unsigned long long inputs = 0;
    do {
        for (int i = 0; i < CLOCK_EVERY; i++, inputs++) {
            size_t size = make_input(input);
            /* A copy of the exact size: the sanitizer finds a read behind it. */
            uint8_t *exact = malloc(size);
            check(exact != NULL, "no memory");
            memcpy(exact, input, size);
            LLVMFuzzerTestOneInput(exact, size);
            free(exact);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9 < seconds);
    printf("fuzz: %llu inputs, %llu frames, %llu hellos\n", inputs, frames_found, hellos_found);
    check(frames_found > 0 && hellos_found > 0, "no mutation left a frame whole");
    free(input);
    return 0;
}
#endif
