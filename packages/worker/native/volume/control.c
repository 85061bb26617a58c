#include "control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "parked.h"
#include "server.h"

enum { MAX_ANSWER_BYTES = 64 * 1024 };

struct control *control_open(struct server *server, int fd)
{
    for (size_t i = 0; i < MAX_CONTROLS; i++) {
        struct control *control = &server->controls[i];
        if (control->fd < 0) {
            char *in = malloc(MAX_LINE_BYTES + 1);
            if (in == NULL) {
                return NULL;
            }
            *control = (struct control){.fd = fd, .in = in, .received = {-1, -1}};
            return control;
        }
    }
    return NULL;
}

static void close_received(struct control *control)
{
    for (size_t i = 0; i < 2; i++) {
        if (control->received[i] >= 0) {
            close(control->received[i]);
            control->received[i] = -1;
        }
    }
}

void control_close(struct control *control)
{
    if (control->fd < 0) {
        return;
    }
    close(control->fd);
    close_received(control);
    free(control->in);
    free(control->body);
    free(control->out);
    *control = (struct control){.fd = -1, .received = {-1, -1}};
}

const char *word(const struct words *words, const char *key)
{
    for (size_t i = 0; i < words->count; i++) {
        if (strcmp(words->keys[i], key) == 0) {
            return words->values[i];
        }
    }
    return NULL;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != 0; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = digit(from[1]), low = high < 0 ? -1 : digit(from[2]);
        if (low < 0 || high * 16 + low == 0) {
            return false;
        }
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = 0;
    return true;
}

bool words_parse(struct words *words, char *line)
{
    char *rest = line;
    words->count = 0;
    words->verb = strsep(&rest, " ");
    while (rest != NULL) {
        char *key = strsep(&rest, " ");
        char *value = strchr(key, '=');
        if (value == NULL || words->count == sizeof words->keys / sizeof words->keys[0]) {
            return false;
        }
        *value++ = 0;
        if (!unescape(value)) {
            return false;
        }
        words->keys[words->count] = key;
        words->values[words->count++] = value;
    }
    return words->verb[0] != 0;
}

void answer_add(struct answer *answer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(answer->text + answer->length, answer->size - answer->length, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < answer->size - answer->length) {
        answer->length += (size_t)length;
    }
}

static const char *name_of(int error)
{
    static const struct {
        int number;
        const char *name;
    } NAMES[] = {{EINVAL, "EINVAL"}, {ENOENT, "ENOENT"}, {EEXIST, "EEXIST"}, {EBUSY, "EBUSY"}, {EIO, "EIO"}, {ENOSPC, "ENOSPC"},
                 {ENOMEM, "ENOMEM"}, {EOPNOTSUPP, "EOPNOTSUPP"}, {EACCES, "EACCES"}, {EPERM, "EPERM"}, {EROFS, "EROFS"},
                 {EFBIG, "EFBIG"}, {ENFILE, "ENFILE"}, {EMFILE, "EMFILE"}, {ESTALE, "ESTALE"}};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (NAMES[i].number == error) {
            return NAMES[i].name;
        }
    }
    return "EIO";
}

/* Its answer behind what waits; a connection that has no memory for it ends. */
static void queue(struct control *control, const struct answer *answer)
{
    size_t waiting = control->out_length - control->out_start;
    uint8_t *out = malloc(waiting + answer->length + answer->byte_count);
    if (out == NULL) {
        control->is_over = true;
        return;
    }
    if (waiting > 0) {
        memcpy(out, control->out + control->out_start, waiting);
    }
    memcpy(out + waiting, answer->text, answer->length);
    if (answer->byte_count > 0) {
        memcpy(out + waiting + answer->length, answer->bytes, answer->byte_count);
    }
    free(control->out);
    control->out = out;
    control->out_start = 0;
    control->out_length = waiting + answer->length + answer->byte_count;
}

static void do_line(struct server *server, struct control *control)
{
    static char text[MAX_ANSWER_BYTES];
    struct answer answer = {.text = text, .size = sizeof text};
    struct words words;
    int error = words_parse(&words, control->line) ? 0 : EINVAL;
    answer_add(&answer, "{\"ok\":true");
    error = error != 0 ? error : control_do(server, control, &words, &answer);
    if (error != 0) {
        answer.length = 0;
        answer_add(&answer, "{\"ok\":false,\"errno\":\"%s\",\"message\":\"%s\"", name_of(error), strerror(error));
    }
    answer_add(&answer, "}\n");
    queue(control, &answer);
    free(answer.bytes);
    close_received(control);
    free(control->body);
    control->body = NULL;
    control->body_length = control->body_wanted = 0;
}

/* A line that brings bytes is done when they are there. */
static void take_line(struct server *server, struct control *control, size_t length)
{
    memcpy(control->line, control->in, length);
    control->line[length] = 0;
    control->in_length -= length + 1;
    memmove(control->in, control->in + length + 1, control->in_length);
    const char *bytes = strstr(control->line, " bytes=");
    control->body_wanted = bytes == NULL ? 0 : strtoull(bytes + 7, NULL, 10);
    if (control->body_wanted == 0) {
        do_line(server, control);
        return;
    }
    control->body = control->body_wanted > MAX_TABLE_BYTES ? NULL : malloc(control->body_wanted);
    if (control->body == NULL) {
        control->is_over = true;
    }
}

static void take_body(struct server *server, struct control *control)
{
    size_t missing = control->body_wanted - control->body_length;
    size_t bytes = control->in_length < missing ? control->in_length : missing;
    memcpy(control->body + control->body_length, control->in, bytes);
    control->body_length += bytes;
    control->in_length -= bytes;
    memmove(control->in, control->in + bytes, control->in_length);
    if (control->body_length == control->body_wanted) {
        do_line(server, control);
    }
}

static void take_input(struct server *server, struct control *control)
{
    while (control->in_length > 0 && !control->is_over) {
        if (control->body != NULL) {
            take_body(server, control);
            continue;
        }
        const char *end = memchr(control->in, '\n', control->in_length);
        if (end == NULL) {
            control->is_over = control->in_length >= MAX_LINE_BYTES;
            return;
        }
        take_line(server, control, (size_t)(end - control->in));
    }
}

/* Descriptors come with the first byte of their line. */
static ssize_t receive(struct control *control)
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } ancillary;
    struct iovec part = {.iov_base = control->in + control->in_length, .iov_len = MAX_LINE_BYTES - control->in_length};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
    ssize_t bytes = recvmsg(control->fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = bytes > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        int fds[2];
        close_received(control);
        memcpy(fds, CMSG_DATA(header), (count > 2 ? 2 : count) * sizeof(int));
        for (size_t i = 0; i < count && i < 2; i++) {
            control->received[i] = fds[i];
        }
    }
    return bytes;
}

static void flush(struct control *control)
{
    while (control->out_length > control->out_start) {
        ssize_t bytes = send(control->fd, control->out + control->out_start, control->out_length - control->out_start, MSG_NOSIGNAL);
        if (bytes < 0) {
            control->is_over = control->is_over || (errno != EAGAIN && errno != EINTR);
            return;
        }
        control->out_start += (size_t)bytes;
    }
    free(control->out);
    control->out = NULL;
    control->out_start = control->out_length = 0;
}

/*
 * What it has frozen goes on: whoever was to thaw it is gone. Without its folder it cannot, and errors would be all that its guest hears: one that
 * follows has the folder, and the guest waits for that.
 */
static void end(struct server *server, struct control *control)
{
    if (server->leaseholder == control) {
        server->leaseholder = NULL;
        server->is_frozen = false;
        server->is_over = server->is_over || server_has_parked(server);
    }
    control_close(control);
}

void control_ready(struct server *server, struct control *control)
{
    if (control->fd < 0) {
        return;
    }
    if (control->out_length == 0) {
        ssize_t bytes = receive(control);
        if (bytes == 0 || (bytes < 0 && errno != EAGAIN && errno != EINTR)) {
            end(server, control);
            return;
        }
        control->in_length += bytes > 0 ? (size_t)bytes : 0;
        take_input(server, control);
    }
    flush(control);
    if (control->is_over) {
        end(server, control);
    }
}

void control_flush_all(struct server *server)
{
    for (size_t i = 0; i < MAX_CONTROLS; i++) {
        if (server->controls[i].fd >= 0 && server->controls[i].out_length > 0) {
            flush(&server->controls[i]);
        }
    }
}
