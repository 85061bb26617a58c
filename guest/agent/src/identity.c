/* Makes a restored guest somebody of its own: what it is told here no other clone of its snapshot is told. */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "fields.h"
#include "grow-root.h"
#include "paths.h"
#include "spawn.h"

enum { MAX_ENTROPY_BYTES = 512, COMMAND_LIMIT_MS = 2000, COMMAND_POLL_MS = 1, MAX_COMMAND_ARGS = 64 };

static int add_entropy(const struct field *field)
{
    struct {
        struct rand_pool_info info;
        uint8_t bytes[MAX_ENTROPY_BYTES];
    } pool = {.info = {.entropy_count = (int)field->length * 8, .buf_size = (int)field->length}};
    if (field->length > MAX_ENTROPY_BYTES) {
        return EINVAL;
    }
    memcpy(pool.info.buf, field->value, field->length);
    int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    /* The second call makes the generator draw on it now: clones would otherwise repeat each other's numbers for a while. */
    int error = ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0 ? errno : 0;
    close(fd);
    return error;
}

static int set_clock(const struct field *field)
{
    uint64_t nanoseconds = field_u64(field);
    const struct timespec now = {.tv_sec = (time_t)(nanoseconds / 1000000000u),
                                 .tv_nsec = (long)(nanoseconds % 1000000000u)};
    return clock_settime(CLOCK_REALTIME, &now) < 0 ? errno : 0;
}

static int set_hostname(const struct field *field)
{
    if (sethostname((const char *)field->value, field->length) < 0) {
        return errno;
    }
    char line[256];
    int length = snprintf(line, sizeof line, "%.*s\n", (int)field->length, (const char *)field->value);
    return write_whole("/etc/hostname", (const uint8_t *)line, (size_t)length, 0644);
}

static int write_file(const struct field *field)
{
    struct field_reader reader = fields_open(field->value, field->length);
    struct field part;
    struct field content = {.value = NULL};
    char *path = NULL;
    mode_t mode = 0644;
    while (fields_next(&reader, &part)) {
        if (part.tag == TAG_PATH && path == NULL) {
            path = field_string(&part);
        } else if (part.tag == TAG_MODE) {
            mode = field_u32(&part) & 07777;
        } else if (part.tag == TAG_CONTENT) {
            content = part;
        }
    }
    int error = reader.broken || path == NULL || path[0] != '/' ? EINVAL : make_parents(path);
    if (error == 0) {
        error = write_whole(path, content.value, content.length, mode);
    }
    free(path);
    return error;
}

static int wait_for(pid_t pid)
{
    for (int waited = 0; waited < COMMAND_LIMIT_MS; waited += COMMAND_POLL_MS) {
        int status;
        if (waitpid(pid, &status, WNOHANG) == pid) {
            return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : ECHILD;
        }
        usleep(COMMAND_POLL_MS * 1000);
    }
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return ETIMEDOUT;
}

static int run_command(const struct field *field)
{
    struct field_reader reader = fields_open(field->value, field->length);
    struct field part;
    char *argv[MAX_COMMAND_ARGS + 1] = {NULL};
    size_t argc = 0;
    while (fields_next(&reader, &part) && argc < MAX_COMMAND_ARGS) {
        if (part.tag == TAG_ARG && (argv[argc] = field_string(&part)) != NULL) {
            argc++;
        }
    }
    char *env[] = {NULL};
    const struct account root = {.uid = 0, .gid = 0};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct spawn_request request = {.argv = argv, .env = env, .cwd = "/", .account = &root,
                                          .stdin_fd = null, .stdout_fd = null, .stderr_fd = null};
    pid_t pid = argc == 0 ? -EINVAL : spawn(&request);
    close(null);
    for (size_t i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return pid < 0 ? -pid : wait_for(pid);
}

static int apply(struct agent *agent, const struct field *field)
{
    if (agent->leaves_machine_alone && field->tag != TAG_FILE && field->tag != TAG_COMMAND && field->tag != TAG_FORWARD) {
        return 0;
    }
    switch (field->tag) {
    case TAG_ENTROPY:
        return add_entropy(field);
    case TAG_CLOCK:
        return set_clock(field);
    case TAG_HOSTNAME:
        return set_hostname(field);
    case TAG_FILE:
        return write_file(field);
    case TAG_GROW_ROOT:
        return grow_root();
    case TAG_COMMAND:
        return run_command(field);
    case TAG_FORWARD:
        return socket_forward(agent, field_u16(field, 0));
    default:
        return 0;
    }
}

void identity_apply(struct agent *agent, const uint8_t *request, size_t length)
{
    struct field_reader reader = fields_open(request, length);
    struct field field;
    uint32_t error = 0;
    char text[MAX_TEXT_BYTES] = "";
    while (error == 0 && fields_next(&reader, &field)) {
        error = (uint32_t)apply(agent, &field);
        if (error != 0) {
            snprintf(text, sizeof text, "field %d: %s", field.tag, strerror((int)error));
        }
    }
    if (reader.broken) {
        error = EINVAL;
    }
    link_send_parts(&agent->link, KIND_IDENTITY_DONE, 0, &error, sizeof error, text, strlen(text));
}
