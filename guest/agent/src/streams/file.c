#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/account.h"
#include "agent.h"
#include "link/fields.h"
#include "system/paths.h"

struct file_stream {
    /* Nothing of it is watched: plain files are always "ready". */
    struct stream stream;
    char *path;
    int file;

    /* Of one that is written: the new file under its name for now, and what it is given before it takes the place of the old one. */
    char *temporary;
    uint32_t mode;
    uint64_t mtime;
    bool has_mtime;
    long uid;
    long gid;
};

static struct file_stream *file_of(struct stream *stream)
{
    return (struct file_stream *)stream;
}

static struct file_stream *open_stream(struct agent *agent, uint32_t id, const struct stream_kind *kind)
{
    struct file_stream *file = file_of(stream_open(agent, id, kind));
    if (file != NULL) {
        file->file = -1;
    }
    return file;
}

struct file_request {
    char *path;
    char *user;
    uint32_t mode;
    bool has_mode;
    uint64_t mtime;
    bool has_mtime;
    uint32_t flags;
    /* Of the file that is replaced, else -1. */
    long uid;
    long gid;
};

static void send_done(struct agent *agent, uint32_t id, uint32_t error, const char *what)
{
    char text[MAX_TEXT_BYTES] = "";
    if (error != 0) {
        snprintf(text, sizeof text, "%.3000s: %s", what, strerror((int)error));
    }
    link_send_parts(&agent->link, KIND_DONE, id, &error, sizeof error, text, strlen(text));
}

static bool parse_request(struct file_request *request, const uint8_t *bytes, size_t length)
{
    *request = (struct file_request){.mode = 0644, .uid = -1, .gid = -1};
    struct field_reader reader = fields_open(bytes, length);
    struct field field;
    while (fields_next(&reader, &field)) {
        if (field.tag == TAG_PATH && request->path == NULL) {
            request->path = field_string(&field);
        } else if (field.tag == TAG_USER && request->user == NULL) {
            request->user = field_string(&field);
        } else if (field.tag == TAG_MODE) {
            request->mode = field_u32(&field) & 07777;
            request->has_mode = true;
        } else if (field.tag == TAG_MTIME) {
            request->mtime = field_u64(&field);
            request->has_mtime = true;
        } else if (field.tag == TAG_FLAGS) {
            request->flags = field_u32(&field);
        }
    }
    return !reader.broken && request->path != NULL && request->path[0] == '/';
}

static void free_request(struct file_request *request)
{
    free(request->path);
    free(request->user);
}

static int why_not_regular(const struct stat *found)
{
    return S_ISREG(found->st_mode) ? 0 : S_ISDIR(found->st_mode) ? EISDIR : EINVAL;
}

/*
 * What a link leads to is written, not the link; a device or a pipe would be replaced by a file, which nobody means. What is replaced
 * passes its owner and, unless another is asked for, its mode on: a script that is written anew can still be run.
 */
static int find_target(struct file_request *request)
{
    struct stat found;
    char *target = realpath(request->path, NULL);
    if (target == NULL) {
        return errno == ENOENT ? 0 : errno;
    }
    free(request->path);
    request->path = target;
    if (stat(target, &found) < 0) {
        return errno;
    }
    request->uid = (long)found.st_uid;
    request->gid = (long)found.st_gid;
    if (!request->has_mode) {
        /* As by write(2), other bytes do not inherit the right to become somebody else. */
        request->mode = found.st_mode & 0777;
    }
    return why_not_regular(&found);
}

static int begin_write(struct file_stream *file, struct file_request *request)
{
    struct account account = {.uid = 0, .gid = 0};
    if (request->user != NULL && !account_find(request->user, &account)) {
        return EINVAL;
    }
    int error = find_target(request);
    if (error == 0 && request->flags & WRITE_MAKE_PARENTS) {
        error = make_parents(request->path);
    }
    if (error != 0) {
        return error;
    }
    int fd = open_temporary(request->path, &file->temporary);
    if (fd < 0) {
        return -fd;
    }
    file->file = fd;
    file->path = request->path;
    request->path = NULL;
    file->mode = request->mode;
    file->mtime = request->mtime;
    file->has_mtime = request->has_mtime;
    file->uid = request->user != NULL ? (long)account.uid : request->uid;
    file->gid = request->user != NULL ? (long)account.gid : request->gid;
    return 0;
}

static void open_write(struct agent *agent, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct file_request request;
    bool sound = parse_request(&request, bytes, length);
    struct file_stream *file = sound ? open_stream(agent, id, &file_write_kind) : NULL;
    if (file == NULL) {
        send_done(agent, id, sound ? EMFILE : EINVAL, "cannot write");
    } else {
        int error = begin_write(file, &request);
        if (error != 0) {
            send_done(agent, id, (uint32_t)error, request.path);
            stream_close(agent, &file->stream);
        }
    }
    free_request(&request);
}

/* Of one that was not published nothing is left. */
static void release(struct stream *stream)
{
    struct file_stream *file = file_of(stream);
    if (file->file >= 0) {
        close(file->file);
    }
    if (file->temporary != NULL) {
        unlink(file->temporary);
    }
    free(file->temporary);
    free(file->path);
}

static void fail(struct agent *agent, struct file_stream *file, int error)
{
    send_done(agent, file->stream.id, (uint32_t)error, file->path);
    stream_close(agent, &file->stream);
}

static void receive_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length)
{
    struct file_stream *file = file_of(stream);
    size_t left = length;
    while (left > 0) {
        ssize_t written = write(file->file, bytes, left);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            fail(agent, file, written < 0 ? errno : ENOSPC);
            return;
        }
        bytes += written;
        left -= (size_t)written;
    }
    stream_consumed(agent, stream, (uint32_t)length);
}

static int publish(struct file_stream *file)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = (time_t)file->mtime}};
    if ((file->uid >= 0 && fchown(file->file, (uid_t)file->uid, (gid_t)file->gid) < 0) ||
        fchmod(file->file, file->mode) < 0 || (file->has_mtime && futimens(file->file, times) < 0)) {
        return errno;
    }
    int closed = close(file->file);
    file->file = -1;
    if (closed < 0 || rename(file->temporary, file->path) < 0) {
        return errno;
    }
    free(file->temporary);
    file->temporary = NULL;
    return 0;
}

static void receive_end(struct agent *agent, struct stream *stream)
{
    int error = publish(file_of(stream));
    if (error != 0) {
        fail(agent, file_of(stream), error);
        return;
    }
    send_done(agent, stream->id, 0, "");
    stream_close(agent, stream);
}

static int begin_read(struct file_stream *file, const char *path)
{
    struct stat found;
    /* Opening alone starts a watchdog, rewinds a tape and wakes who waits at a pipe. */
    if (stat(path, &found) < 0) {
        return errno;
    }
    if (!S_ISREG(found.st_mode)) {
        return why_not_regular(&found);
    }
    /* Should it have become a pipe or a terminal meanwhile, that must not stop the agent, or become its own. */
    file->file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file->file < 0 || fstat(file->file, &found) < 0) {
        return errno;
    }
    file->path = strdup(path);
    return file->path == NULL ? ENOMEM : why_not_regular(&found);
}

static void open_read(struct agent *agent, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct file_request request;
    bool sound = parse_request(&request, bytes, length);
    struct file_stream *file = sound ? open_stream(agent, id, &file_read_kind) : NULL;
    if (file == NULL) {
        send_done(agent, id, sound ? EMFILE : EINVAL, "cannot read");
    } else {
        int error = begin_read(file, request.path);
        if (error != 0) {
            send_done(agent, id, (uint32_t)error, request.path);
            stream_close(agent, &file->stream);
        }
    }
    free_request(&request);
}

static void pump(struct agent *agent, struct stream *stream)
{
    struct file_stream *file = file_of(stream);
    struct watch watch = {.fd = file->file};
    ssize_t bytes = stream_pump(agent, stream, &watch, KIND_DATA);
    if (bytes == 0) {
        send_done(agent, stream->id, 0, "");
        stream_close(agent, stream);
    } else if (bytes < 0 && bytes != -EINTR) {
        /* EAGAIN too: a file that has nothing yet, as some of /proc and /sys, cannot be waited for. */
        fail(agent, file, (int)-bytes);
    }
}

const struct stream_kind file_write_kind = {
    .bytes = sizeof(struct file_stream),
    .opened_by = KIND_OPEN_WRITE,
    .open = open_write,
    .data = receive_data,
    .end = receive_end,
    .release = release,
};

const struct stream_kind file_read_kind = {
    .bytes = sizeof(struct file_stream),
    .opened_by = KIND_OPEN_READ,
    .open = open_read,
    .pump = pump,
    .release = release,
};
