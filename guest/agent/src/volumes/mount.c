#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pump.h"
#include "system/paths.h"

enum {
    /* How long a server may take to come, and to answer. */
    SERVER_WAIT_MS = 5000,
    DEFAULT_FOLDER_MODE = 0755,
    DEFAULT_FILE_MODE = 0644,
    CONNECT_TRIES = 100,
    CONNECT_PAUSE_US = 10000,
    /* Four requests of the largest size under way: the port is kept busy between two answers. */
    READAHEAD_KIB = 1024,
};

#define ALL_NAMES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

static int say(int pump, uint32_t verb, const char *tag, int fd)
{
    struct client_request request = {.verb = verb};
    strncpy(request.tag, tag, MAX_TAG_BYTES);
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary;
    struct iovec part = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = ancillary.bytes;
        message.msg_controllen = sizeof ancillary.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    return sendmsg(pump, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int hear(int pump, uint32_t *mode)
{
    struct client_answer answer;
    struct pollfd polled = {.fd = pump, .events = POLLIN};
    int ready = poll(&polled, 1, SERVER_WAIT_MS);
    if (ready <= 0) {
        return ready == 0 ? ENXIO : errno;
    }
    if (recv(pump, &answer, sizeof answer, 0) != sizeof answer) {
        return ENXIO;
    }
    *mode = answer.mode;
    return (int)answer.error;
}

/* One that was just started may not listen yet. */
static int connect_pump(void)
{
    for (int i = 0; i < CONNECT_TRIES; i++) {
        int fd = pump_connect();
        if (fd >= 0 || errno != ECONNREFUSED) {
            return fd;
        }
        usleep(CONNECT_PAUSE_US);
    }
    return -1;
}

int make_mount_point(const char *path, bool is_folder)
{
    struct stat found;
    if (stat(path, &found) == 0) {
        return S_ISDIR(found.st_mode) == is_folder ? 0 : is_folder ? ENOTDIR : EISDIR;
    }
    int error = make_parents(path);
    if (error != 0) {
        return error;
    }
    if (is_folder) {
        return mkdir(path, DEFAULT_FOLDER_MODE) < 0 ? errno : 0;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, DEFAULT_FILE_MODE);
    if (fd < 0) {
        return errno;
    }
    close(fd);
    return 0;
}

unsigned long kernel_mount_flags(uint32_t flags)
{
    return ((flags & MOUNT_READONLY) != 0 ? MS_RDONLY : 0) | ((flags & MOUNT_NOEXEC) != 0 ? MS_NOEXEC : 0) |
           ((flags & MOUNT_NOSUID) != 0 ? MS_NOSUID : 0) | ((flags & MOUNT_NODEV) != 0 ? MS_NODEV : 0);
}

static int mount_fuse(const char *tag, const char *path, uint32_t flags, uint32_t mode, int fuse)
{
    char options[160], source[MAX_TAG_BYTES + 8];
    snprintf(source, sizeof source, "fastvm:%s", tag);
    snprintf(options, sizeof options, "fd=%d,rootmode=%o,user_id=0,group_id=0,default_permissions,allow_other,max_read=%d", fuse,
             mode & S_IFMT, MAX_DATA_BYTES);
    return mount(source, path, "fuse.fastvm", kernel_mount_flags(flags), options) < 0 ? errno : 0;
}

/* Slower without, and no worse. */
static void raise_readahead(const char *path)
{
    struct stat found;
    char name[64];
    if (stat(path, &found) < 0) {
        return;
    }
    snprintf(name, sizeof name, "/sys/class/bdi/%u:%u/read_ahead_kb", major(found.st_dev), minor(found.st_dev));
    int fd = open(name, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        dprintf(fd, "%d", READAHEAD_KIB);
        close(fd);
    }
}

static int mount_opened(int pump, const char *tag, const char *path, uint32_t flags, uint32_t mode)
{
    int error = make_mount_point(path, S_ISDIR(mode));
    int fuse = error != 0 ? -1 : open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (error == 0 && fuse < 0) {
        error = errno == ENOENT || errno == ENODEV || errno == ENXIO ? ENOSYS : errno;
    }
    error = error != 0 ? error : mount_fuse(tag, path, flags, mode, fuse);
    if (error == 0) {
        error = say(pump, CLIENT_MOUNTED, tag, fuse);
        error = error != 0 ? error : hear(pump, &mode);
        if (error != 0) {
            umount2(path, MNT_DETACH);
        }
    }
    if (fuse >= 0) {
        close(fuse);
    }
    if (error == 0) {
        raise_readahead(path);
    }
    return error;
}

static bool is_tag(const char *tag)
{
    size_t length = strlen(tag);
    return length > 0 && length <= MAX_TAG_BYTES && strspn(tag, ALL_NAMES) == length;
}

int volume_mount(const char *tag, const char *path, uint32_t flags)
{
    uint32_t mode = 0;
    int pump = is_tag(tag) ? connect_pump() : -1;
    if (pump < 0) {
        return is_tag(tag) ? ENXIO : EINVAL;
    }
    int error = say(pump, CLIENT_OPEN, tag, -1);
    error = error != 0 ? error : hear(pump, &mode);
    /* Where it goes wrong the pump learns it by the end of this connection. */
    error = error != 0 ? error : mount_opened(pump, tag, path, flags, mode);
    if (error != 0) {
        say(pump, CLIENT_CLOSE, tag, -1);
    }
    close(pump);
    return error;
}

int volume_unmount(const char *tag, const char *path, uint32_t flags)
{
    uint32_t mode;
    bool is_forced = (flags & UNMOUNT_FORCED) != 0;
    int pump = is_tag(tag) ? connect_pump() : -1;
    if (pump < 0) {
        return is_tag(tag) ? ENOENT : EINVAL;
    }
    int error = umount2(path, UMOUNT_NOFOLLOW | (is_forced ? MNT_DETACH : 0)) < 0 ? errno : 0;
    error = error == EINVAL ? ENOENT : error;
    if (error == 0 || is_forced) {
        /* It may have seen so by itself. */
        int told = say(pump, CLIENT_CLOSE, tag, -1);
        told = told != 0 ? told : hear(pump, &mode);
        error = is_forced && told == 0 ? 0 : error;
    }
    close(pump);
    return error;
}
