#include "boot-id.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TEXT_BYTES = 37,
};

#define SHOWN "/proc/sys/kernel/random/boot_id"
/* In memory, whatever the image puts on its disk. */
#define OURS "/dev/.fastvm-boot-id"
#define ASIDE "/dev/.fastvm"

static int write_at_once(int fd, const uint8_t *text)
{
    ssize_t written = pwrite(fd, text, TEXT_BYTES, 0);
    return written == TEXT_BYTES ? 0 : written < 0 ? errno : EIO;
}

/*
 * Users who are not root mount a /proc in namespaces of their own, for containers and sandboxes, only where the
 * kernel finds one with nothing over any of its files (mount_too_revealing in its fs/namespace.c). Now that ours
 * covers one, another stands aside, where no path leads: an empty folder is over that in which it is.
 */
static int keep_whole_proc(void)
{
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mkdir(ASIDE, 0700) < 0 || mkdir(ASIDE "/proc", 0700) < 0 || mkdir(ASIDE "/empty", 0700) < 0 ||
        mount("proc", ASIDE "/proc", "proc", flags, NULL) < 0 ||
        mount(ASIDE "/empty", ASIDE, NULL, MS_BIND, NULL) < 0) {
        return errno;
    }
    return 0;
}

/* Over the kernel's file, whose mode is kept. The mount alone holds ours afterwards. */
static int cover(const uint8_t *text)
{
    unlink(OURS);
    int fd = open(OURS, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
    if (fd < 0) {
        return errno;
    }
    int error = fchmod(fd, 0444) < 0 ? errno : write_at_once(fd, text);
    if (error == 0 && mount(OURS, SHOWN, NULL, MS_BIND, NULL) < 0) {
        error = errno;
    }
    close(fd);
    unlink(OURS);
    return error;
}

int set_boot_id(const uint8_t *text, size_t length)
{
    if (length != TEXT_BYTES) {
        return EINVAL;
    }
    /* The kernel's own file opens for nobody. Ours has been there since the template, and is written where it is: a mount shows a file, not a name. */
    int fd = open(SHOWN, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        int error = errno == EACCES || errno == EPERM ? cover(text) : errno;
        return error == 0 ? keep_whole_proc() : error;
    }
    int error = write_at_once(fd, text);
    close(fd);
    return error;
}
