/* The link's queue. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "link/link.h"
#include "unit.h"

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

void test_link(void)
{
    link_drops_a_half_written_frame();
    link_bounds_its_control_queue();
    link_keeps_frames_whole_and_in_order();
}
