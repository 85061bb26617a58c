#include "own-name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_HOSTS_BYTES = 65536,
    MAX_LINE_BYTES = 256,
};

/* Debian's address for a host's own name: a loopback of its own, so that lines for localhost stay what they are. */
#define OWN_ADDRESS "127.0.1.1"
#define OURS "# fastvm: this VM's own name"

static bool is_ours(const char *line, size_t length)
{
    const size_t mark = strlen(OURS);
    return length >= mark && memcmp(line + length - mark, OURS, mark) == 0;
}

struct text {
    char *bytes;
    size_t length;
    size_t capacity;
    bool overflows;
};

static void append(struct text *text, const char *bytes, size_t length)
{
    if (length > text->capacity - text->length) {
        text->overflows = true;
        return;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

size_t hosts_with_own_name(const char *hosts, size_t length, const char *name, char *result, size_t capacity)
{
    char own[MAX_LINE_BYTES];
    int own_length = snprintf(own, sizeof own, "%s %s %s\n", OWN_ADDRESS, name, OURS);
    if (own_length < 0 || (size_t)own_length >= sizeof own) {
        return 0;
    }
    struct text text = {.bytes = result, .capacity = capacity};
    bool is_written = false;
    for (size_t at = 0; at < length;) {
        const char *end = memchr(hosts + at, '\n', length - at);
        size_t line = end == NULL ? length - at : (size_t)(end - (hosts + at));
        if (!is_ours(hosts + at, line)) {
            append(&text, hosts + at, line);
            append(&text, "\n", 1);
        } else if (!is_written) {
            append(&text, own, (size_t)own_length);
            is_written = true;
        }
        at += line + 1;
    }
    if (!is_written) {
        append(&text, own, (size_t)own_length);
    }
    return text.overflows ? 0 : text.length;
}

/* In place, not by a new file under a temporary name: that costs an emulated guest 30 ms more, and nothing is captured before the handshake is over. */
static int rewrite(int fd, const char *name)
{
    static char before[MAX_HOSTS_BYTES];
    static char after[MAX_HOSTS_BYTES + MAX_LINE_BYTES];
    ssize_t length = pread(fd, before, sizeof before, 0);
    if (length < 0) {
        return errno;
    }
    if ((size_t)length == sizeof before) {
        return 0;
    }
    size_t wanted = hosts_with_own_name(before, (size_t)length, name, after, sizeof after);
    if (wanted == 0 || (wanted == (size_t)length && memcmp(before, after, wanted) == 0)) {
        return 0;
    }
    ssize_t written = pwrite(fd, after, wanted, 0);
    if (written < 0 || (size_t)written != wanted) {
        return written < 0 ? errno : ENOSPC;
    }
    return wanted < (size_t)length && ftruncate(fd, (off_t)wanted) < 0 ? errno : 0;
}

int write_own_name(const char *name)
{
    /* Without O_NONBLOCK a FIFO of that name would hold the handshake. */
    int fd = open("/etc/hosts", O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd < 0) {
        return errno;
    }
    struct stat status;
    int error = fstat(fd, &status) < 0 ? errno : S_ISREG(status.st_mode) ? rewrite(fd, name) : 0;
    close(fd);
    return error;
}
