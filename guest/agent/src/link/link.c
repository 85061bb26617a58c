#include "link.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void link_init(struct link *link, int fd)
{
    link->fd = fd;
    link->session = 0;
    parser_init(&link->parser);
    link_drop_output(link);
}

void link_drop_output(struct link *link)
{
    link->control_start = link->control_end = 0;
    link->data_start = link->data_end = 0;
}

static void put_header(uint8_t *at, const struct link *link, uint8_t kind, uint32_t stream, size_t length)
{
    uint32_t length32 = (uint32_t)length;
    at[0] = FRAME_FIRST_BYTE;
    at[1] = kind;
    memcpy(at + 2, &link->session, 2);
    memcpy(at + 4, &stream, 4);
    memcpy(at + 8, &length32, 4);
}

void link_send_parts(struct link *link, uint8_t kind, uint32_t stream, const void *head, size_t head_length,
                     const void *tail, size_t tail_length)
{
    size_t length = head_length + tail_length;
    size_t whole = FRAME_HEADER_BYTES + length + 1;
    if (link->control_end + whole > CONTROL_QUEUE_BYTES) {
        memmove(link->control, link->control + link->control_start, link->control_end - link->control_start);
        link->control_end -= link->control_start;
        link->control_start = 0;
    }
    if (link->control_end + whole > CONTROL_QUEUE_BYTES) {
        return; /* Beyond the high mark nothing is read that could ask for this much. */
    }
    uint8_t *at = link->control + link->control_end;
    put_header(at, link, kind, stream, length);
    if (head_length > 0) {
        memcpy(at + FRAME_HEADER_BYTES, head, head_length);
    }
    if (tail_length > 0) {
        memcpy(at + FRAME_HEADER_BYTES + head_length, tail, tail_length);
    }
    at[FRAME_HEADER_BYTES + length] = FRAME_LAST_BYTE;
    link->control_end += whole;
}

void link_send(struct link *link, uint8_t kind, uint32_t stream, const void *payload, size_t length)
{
    link_send_parts(link, kind, stream, payload, length, NULL, 0);
}

bool link_has_room(const struct link *link)
{
    return link->data_start == link->data_end && link->control_start == link->control_end;
}

bool link_is_congested(const struct link *link)
{
    return !link_has_room(link);
}

bool link_accepts_input(const struct link *link)
{
    return link->control_end - link->control_start < CONTROL_HIGH_MARK;
}

uint8_t *link_data_space(struct link *link)
{
    return link->data + FRAME_HEADER_BYTES;
}

void link_send_data(struct link *link, uint8_t kind, uint32_t stream, size_t length)
{
    put_header(link->data, link, kind, stream, length);
    link->data[FRAME_HEADER_BYTES + length] = FRAME_LAST_BYTE;
    link->data_start = 0;
    link->data_end = FRAME_HEADER_BYTES + length + 1;
    link_flush(link);
}

/* Returns false only when the port is gone; a full port is no failure. */
static bool write_some(int fd, const uint8_t *buffer, size_t *start, size_t *end)
{
    while (*start < *end) {
        ssize_t written = write(fd, buffer + *start, *end - *start);
        if (written > 0) {
            *start += (size_t)written;
        } else if (written < 0 && errno == EINTR) {
            continue;
        } else {
            return written < 0 && errno == EAGAIN;
        }
    }
    *start = *end = 0;
    return true;
}

bool link_flush(struct link *link)
{
    /* A data frame that was begun is finished first: frames do not interleave. */
    if (!write_some(link->fd, link->data, &link->data_start, &link->data_end)) {
        return false;
    }
    if (link->data_start < link->data_end) {
        return true;
    }
    return write_some(link->fd, link->control, &link->control_start, &link->control_end);
}
