#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/mount.h>
#include <linux/openat2.h>

#include "limits.h"

enum { ACCOUNT_BYTES = 4096 };

struct wanted {
    const char *control;
    const char *tag;
    const char *path;
    const char *account;
    const char *device;
    uint64_t mount_flags;
    char line[MAX_LINE_BYTES];
};

static int failed(const char *what)
{
    fprintf(stderr, "fastvm-volume: %s: %s\n", what, strerror(errno));
    return -1;
}

static int open_plainly(const char *path, int flags, mode_t mode)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                           .mode = (flags & O_CREAT) != 0 ? mode : 0,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

/* A volume may have been unmounted since the caller saw it: its mount point is the host's own. */
static bool is_on_device(int root, const char *device)
{
    struct stat found;
    if (device == NULL) {
        return true;
    }
    if (fstat(root, &found) == 0 && found.st_dev == strtoull(device, NULL, 10)) {
        return true;
    }
    fprintf(stderr, "fastvm-volume: it is on another device\n");
    return false;
}

/* As a mount of its own: `..` ends at its root, and the host's kernel holds to its rules whatever becomes of the server. */
static int open_root(const struct wanted *wanted)
{
    int found = open_plainly(wanted->path, O_PATH, 0);
    if (found < 0) {
        return failed(wanted->path);
    }
    int root = (int)syscall(SYS_open_tree, found, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    close(found);
    struct mount_attr attributes = {.attr_set = wanted->mount_flags};
    if (root < 0 || syscall(SYS_mount_setattr, root, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
        return failed(wanted->path);
    }
    return is_on_device(root, wanted->device) ? root : -1;
}

static int open_account(const char *path)
{
    struct stat found;
    int fd = open_plainly(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || fstat(fd, &found) < 0) {
        return failed(path);
    }
    /* Longer only: another may have it mapped. */
    if (found.st_size < ACCOUNT_BYTES && ftruncate(fd, ACCOUNT_BYTES) < 0) {
        return failed(path);
    }
    return fd;
}

static bool add_word(struct wanted *wanted, const char *text)
{
    size_t length = strlen(wanted->line);
    int added = snprintf(wanted->line + length, sizeof wanted->line - length, " %s", text);
    return added > 0 && (size_t)added < sizeof wanted->line - length && strpbrk(text, " \n%") == NULL;
}

static bool take_option(struct wanted *wanted, const char *option)
{
    static const struct {
        const char *name;
        uint64_t flag;
    } FLAGS[] = {{"readonly", MOUNT_ATTR_RDONLY}, {"noexec", MOUNT_ATTR_NOEXEC}, {"nosuid", MOUNT_ATTR_NOSUID}, {"nodev", MOUNT_ATTR_NODEV}};
    for (size_t i = 0; i < sizeof FLAGS / sizeof FLAGS[0]; i++) {
        if (strcmp(option, FLAGS[i].name) == 0) {
            wanted->mount_flags |= FLAGS[i].flag;
            return i > 0 || add_word(wanted, "readonly=1");
        }
    }
    if (strncmp(option, "account=", 8) == 0) {
        wanted->account = option + 8;
        return true;
    }
    if (strncmp(option, "device=", 7) == 0) {
        wanted->device = option + 7;
        return true;
    }
    static const char *const PASSED[] = {"cache=", "stat=", "permissions=", "special=", "quota=", "floor=", "owner=", "close="};
    for (size_t i = 0; i < sizeof PASSED / sizeof PASSED[0]; i++) {
        if (strncmp(option, PASSED[i], strlen(PASSED[i])) == 0) {
            return add_word(wanted, option);
        }
    }
    return false;
}

static bool take_options(struct wanted *wanted, char *options)
{
    for (char *option; (option = strsep(&options, ",")) != NULL;) {
        if (option[0] != 0 && !take_option(wanted, option)) {
            fprintf(stderr, "fastvm-volume: what is %s?\n", option);
            return false;
        }
    }
    return true;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return failed(path);
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? failed(path) : fd;
}

static int hand_over(int socket, char *line, const int *fds, size_t count)
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } ancillary;
    struct iovec part = {.iov_base = line, .iov_len = strlen(line)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)part.iov_len ? 0 : failed("control");
}

/* 0 when it was agreed to. */
static int pass_answer_on(int socket)
{
    char answer[MAX_LINE_BYTES];
    size_t length = 0;
    while (length < sizeof answer - 1 && memchr(answer, '\n', length) == NULL) {
        ssize_t bytes = read(socket, answer + length, sizeof answer - 1 - length);
        if (bytes <= 0) {
            errno = bytes == 0 ? EPIPE : errno;
            return failed("control");
        }
        length += (size_t)bytes;
    }
    answer[length] = 0;
    fputs(answer, stdout);
    return strncmp(answer, "{\"ok\":true", 10) == 0 ? 0 : 1;
}

static int attach(struct wanted *wanted)
{
    int fds[2];
    size_t count = 0;
    fds[count++] = open_root(wanted);
    if (wanted->account != NULL) {
        fds[count++] = open_account(wanted->account);
    }
    for (size_t i = 0; i < count; i++) {
        if (fds[i] < 0) {
            return 1;
        }
    }
    int socket = connect_to(wanted->control);
    size_t length = strlen(wanted->line);
    wanted->line[length] = '\n';
    wanted->line[length + 1] = 0;
    return socket < 0 || hand_over(socket, wanted->line, fds, count) < 0 ? 1 : pass_answer_on(socket) == 0 ? 0 : 1;
}

int attach_main(int argc, char **argv)
{
    static const struct option NAMES[] = {{"control", required_argument, NULL, 'c'}, {"tag", required_argument, NULL, 't'},
                                          {"path", required_argument, NULL, 'p'},    {"options", required_argument, NULL, 'o'},
                                          {NULL, 0, NULL, 0}};
    static struct wanted wanted;
    char *options = NULL;
    for (int name; (name = getopt_long(argc, argv, "", NAMES, NULL)) != -1;) {
        if (name == '?') {
            return 2;
        }
        *(name == 'c' ? &wanted.control : name == 't' ? &wanted.tag : name == 'p' ? &wanted.path : (const char **)&options) = optarg;
    }
    if (wanted.control == NULL || wanted.tag == NULL || wanted.path == NULL || strpbrk(wanted.tag, " \n%=") != NULL ||
        strlen(wanted.tag) > MAX_TAG_BYTES) {
        fprintf(stderr, "usage: fastvm-volume attach --control <socket> --tag <tag> --path <path> [--options <list>]\n");
        return 2;
    }
    snprintf(wanted.line, sizeof wanted.line, "attach tag=%s", wanted.tag);
    /* One byte is the newline's. */
    bool fits = take_options(&wanted, options) && strlen(wanted.line) + 2 < sizeof wanted.line;
    return fits ? attach(&wanted) : 2;
}
