/* Files to and from the host. Plain files are always "ready", so they are moved along once per round and not watched. */
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

struct file_request {
    char *path;
    char *user;
    uint32_t mode;
    uint64_t mtime;
    bool has_mtime;
    uint32_t flags;
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
    *request = (struct file_request){.mode = 0644};
    struct field_reader reader = fields_open(bytes, length);
    struct field field;
    while (fields_next(&reader, &field)) {
        if (field.tag == TAG_PATH && request->path == NULL) {
            request->path = field_string(&field);
        } else if (field.tag == TAG_USER && request->user == NULL) {
            request->user = field_string(&field);
        } else if (field.tag == TAG_MODE) {
            request->mode = field_u32(&field) & 07777;
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

/* What a link leads to is written, not the link; a device or a pipe would be replaced by a file, which nobody means. */
static int find_target(struct file_request *request)
{
    struct stat found;
    char *target = realpath(request->path, NULL);
    if (target == NULL) {
        return errno == ENOENT ? 0 : errno;
    }
    free(request->path);
    request->path = target;
    return stat(target, &found) < 0 ? errno : why_not_regular(&found);
}

static int begin_write(struct stream *stream, struct file_request *request)
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
    int fd = open_temporary(request->path, &stream->temporary);
    if (fd < 0) {
        return -fd;
    }
    stream->file = fd;
    stream->path = request->path;
    request->path = NULL;
    stream->mode = request->mode;
    stream->mtime = request->mtime;
    stream->has_mtime = request->has_mtime;
    stream->uid = request->user != NULL ? (long)account.uid : -1;
    stream->gid = request->user != NULL ? (long)account.gid : -1;
    return 0;
}

void file_open_write(struct agent *agent, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct file_request request;
    bool sound = parse_request(&request, bytes, length);
    struct stream *stream = sound ? stream_open(agent, id, STREAM_WRITE) : NULL;
    if (stream == NULL) {
        send_done(agent, id, sound ? EMFILE : EINVAL, "cannot write");
    } else {
        int error = begin_write(stream, &request);
        if (error != 0) {
            send_done(agent, id, (uint32_t)error, request.path);
            stream_close(agent, stream);
        }
    }
    free_request(&request);
}

void file_abort(struct stream *stream)
{
    if (stream->file >= 0) {
        close(stream->file);
        stream->file = -1;
    }
    if (stream->temporary != NULL) {
        unlink(stream->temporary);
        free(stream->temporary);
        stream->temporary = NULL;
    }
}

static void fail(struct agent *agent, struct stream *stream, int error)
{
    send_done(agent, stream->id, (uint32_t)error, stream->path);
    stream_close(agent, stream);
}

void file_data(struct agent *agent, struct stream *stream, const uint8_t *bytes, size_t length)
{
    size_t left = length;
    while (left > 0) {
        ssize_t written = write(stream->file, bytes, left);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            fail(agent, stream, written < 0 ? errno : ENOSPC);
            return;
        }
        bytes += written;
        left -= (size_t)written;
    }
    stream_consumed(agent, stream, (uint32_t)length);
}

static int publish(struct stream *stream)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = (time_t)stream->mtime}};
    if ((stream->uid >= 0 && fchown(stream->file, (uid_t)stream->uid, (gid_t)stream->gid) < 0) ||
        fchmod(stream->file, stream->mode) < 0 || (stream->has_mtime && futimens(stream->file, times) < 0)) {
        return errno;
    }
    int closed = close(stream->file);
    stream->file = -1;
    if (closed < 0 || rename(stream->temporary, stream->path) < 0) {
        return errno;
    }
    free(stream->temporary);
    stream->temporary = NULL;
    return 0;
}

void file_end(struct agent *agent, struct stream *stream)
{
    int error = publish(stream);
    if (error != 0) {
        fail(agent, stream, error);
        return;
    }
    send_done(agent, stream->id, 0, "");
    stream_close(agent, stream);
}

static int begin_read(struct stream *stream, const char *path)
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
    stream->file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (stream->file < 0 || fstat(stream->file, &found) < 0) {
        return errno;
    }
    stream->path = strdup(path);
    return stream->path == NULL ? ENOMEM : why_not_regular(&found);
}

void file_open_read(struct agent *agent, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct file_request request;
    bool sound = parse_request(&request, bytes, length);
    struct stream *stream = sound ? stream_open(agent, id, STREAM_READ) : NULL;
    if (stream == NULL) {
        send_done(agent, id, sound ? EMFILE : EINVAL, "cannot read");
    } else {
        agent->reading_files++;
        int error = begin_read(stream, request.path);
        if (error != 0) {
            send_done(agent, id, (uint32_t)error, request.path);
            stream_close(agent, stream);
        }
    }
    free_request(&request);
}

static void pump(struct agent *agent, struct stream *stream)
{
    if (stream->window == 0) {
        return;
    }
    struct watch watch = {.fd = stream->file};
    ssize_t bytes = stream_pump(agent, stream, &watch, KIND_DATA);
    if (bytes == 0) {
        send_done(agent, stream->id, 0, "");
        stream_close(agent, stream);
    } else if (bytes < 0 && bytes != -EINTR) {
        /* EAGAIN too: a file that has nothing yet, as some of /proc and /sys, cannot be waited for. */
        fail(agent, stream, (int)-bytes);
    }
}

void files_pump(struct agent *agent)
{
    size_t count = agent->reading_files == 0 ? 0 : agent->stream_count;
    for (size_t i = 0; i < count && link_has_room(&agent->link); i++) {
        size_t index = (agent->turn + i) % count;
        /* One that ends takes its place out of the table. */
        if (index < agent->stream_count && agent->streams[index]->kind == STREAM_READ) {
            pump(agent, agent->streams[index]);
        }
    }
}
