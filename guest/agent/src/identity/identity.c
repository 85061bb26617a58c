#include "identity.h"

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
#include "boot-id.h"
#include "link/fields.h"
#include "grow-root.h"
#include "link-settings.h"
#include "own-name.h"
#include "streams/forward.h"
#include "system/paths.h"
#include "system/spawn.h"

enum {
    MAX_ENTROPY_BYTES = 512,
    /* What sethostname(2) takes. */
    MAX_HOSTNAME_BYTES = 64,
    COMMAND_LIMIT_MS = 2000,
    COMMAND_POLL_MS = 1,
    MAX_COMMAND_ARGS = 64,
    MAX_SUBJECT_BYTES = 512,
};

/* Which file or command a field was about, for the message when it fails. */
struct subject {
    char text[MAX_SUBJECT_BYTES];
};

static void name_subject(struct subject *subject, const char *what, const char *name)
{
    snprintf(subject->text, sizeof subject->text, "%s %.400s", what, name);
}

static int add_entropy(const struct field *field)
{
    struct {
        struct rand_pool_info info;
        uint8_t bytes[MAX_ENTROPY_BYTES];
    } pool = {.info = {.entropy_count = (int)field->length * 8, .buf_size = (int)field->length}};
    if (field->length == 0 || field->length > MAX_ENTROPY_BYTES) {
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
    if (field->length != sizeof(uint64_t)) {
        return EINVAL;
    }
    uint64_t nanoseconds = field_u64(field);
    const struct timespec now = {.tv_sec = (time_t)(nanoseconds / 1000000000u),
                                 .tv_nsec = (long)(nanoseconds % 1000000000u)};
    return clock_settime(CLOCK_REALTIME, &now) < 0 ? errno : 0;
}

static int set_hostname(const struct field *field)
{
    if (field->length == 0 || field->length > MAX_HOSTNAME_BYTES) {
        return EINVAL;
    }
    if (sethostname((const char *)field->value, field->length) < 0) {
        return errno;
    }
    char name[MAX_HOSTNAME_BYTES + 1];
    char line[sizeof name + 1];
    snprintf(name, sizeof name, "%.*s", (int)field->length, (const char *)field->value);
    int length = snprintf(line, sizeof line, "%s\n", name);
    int error = overwrite("/etc/hostname", (const uint8_t *)line, (size_t)length, 0644);
    return error != 0 ? error : write_own_name(name);
}

static int write_file(const struct field *field, struct subject *subject)
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
    if (path != NULL) {
        name_subject(subject, "file", path);
    }
    int error = reader.broken || path == NULL || path[0] != '/' ? EINVAL : make_parents(path);
    if (error == 0) {
        error = overwrite(path, content.value, content.length, mode);
    }
    free(path);
    return error;
}

/* 0, ETIMEDOUT, or ECANCELED for a command that said itself that it failed. */
static int wait_for(pid_t pid)
{
    for (int waited = 0; waited < COMMAND_LIMIT_MS; waited += COMMAND_POLL_MS) {
        int status;
        if (waitpid(pid, &status, WNOHANG) == pid) {
            return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : ECANCELED;
        }
        usleep(COMMAND_POLL_MS * 1000);
    }
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return ETIMEDOUT;
}

static int run_command(const struct field *field, struct subject *subject)
{
    struct field_reader reader = fields_open(field->value, field->length);
    struct field part;
    char *argv[MAX_COMMAND_ARGS + 1] = {NULL};
    size_t argc = 0;
    bool sound = true;
    while (sound && fields_next(&reader, &part)) {
        if (part.tag == TAG_ARG) {
            sound = argc < MAX_COMMAND_ARGS && (argv[argc] = field_string(&part)) != NULL;
            argc += sound;
        }
    }
    sound = sound && !reader.broken && argc > 0;
    if (argc > 0) {
        name_subject(subject, "command", argv[0]);
    }
    char *env[] = {NULL};
    const struct account root = {.uid = 0, .gid = 0};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct spawn_request request = {.argv = argv, .env = env, .cwd = "/", .account = &root,
                                          .stdin_fd = null, .stdout_fd = null, .stderr_fd = null};
    const char *culprit = NULL;
    pid_t pid = sound ? spawn(&request, &culprit) : -EINVAL;
    if (null >= 0) {
        close(null);
    }
    for (size_t i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return pid < 0 ? -pid : wait_for(pid);
}

static int forward(struct agent *agent, const struct field *field)
{
    uint16_t port = field_u16(field, 0);
    char host[INET6_ADDRSTRLEN] = "127.0.0.1";
    if (field->length < sizeof port || field->length - sizeof port >= sizeof host) {
        return EINVAL;
    }
    if (field->length > sizeof port) {
        memset(host, 0, sizeof host);
        memcpy(host, field->value + sizeof port, field->length - sizeof port);
    }
    int error = forward_open(agent, host, port);
    /* A program of the guest's owner was there first: that is his right, and no reason to refuse the VM. */
    return error == EADDRINUSE ? 0 : error;
}

static int keep_forward(struct agent *agent, const struct field *field)
{
    if (field->length != sizeof(uint16_t)) {
        return EINVAL;
    }
    forwards_keep(agent, field_u16(field, 0));
    return 0;
}

static int set_link(const struct field *field)
{
    struct link_settings wanted;
    if (field->length != sizeof wanted) {
        return EINVAL;
    }
    memcpy(&wanted, field->value, sizeof wanted);
    return link_settings_apply(&wanted);
}

static int apply(struct agent *agent, const struct field *field, struct subject *subject)
{
    if (agent->leaves_machine_alone && field->tag != TAG_FILE && field->tag != TAG_COMMAND && field->tag != TAG_FORWARD &&
        field->tag != TAG_ONLY_FORWARD) {
        return 0;
    }
    switch (field->tag) {
    case TAG_ENTROPY:
        return add_entropy(field);
    case TAG_CLOCK:
        return set_clock(field);
    case TAG_HOSTNAME:
        return set_hostname(field);
    case TAG_BOOT_ID:
        return set_boot_id(field->value, field->length);
    case TAG_FILE:
        return write_file(field, subject);
    case TAG_GROW_ROOT:
        return grow_root();
    case TAG_COMMAND:
        return run_command(field, subject);
    case TAG_FORWARD:
        return forward(agent, field);
    case TAG_ONLY_FORWARD:
        return keep_forward(agent, field);
    case TAG_LINK:
        return set_link(field);
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
        struct subject subject = {""};
        snprintf(subject.text, sizeof subject.text, "field %d", field.tag);
        error = (uint32_t)apply(agent, &field, &subject);
        if (error != 0) {
            snprintf(text, sizeof text, "%s: %s", subject.text, error == ECANCELED ? "failed" : strerror((int)error));
        }
    }
    if (error == 0 && (reader.broken || request == NULL)) {
        error = EINVAL;
        snprintf(text, sizeof text, "the request is broken or too large");
    }
    link_send_parts(&agent->link, KIND_IDENTITY_DONE, 0, &error, sizeof error, text, strlen(text));
}
