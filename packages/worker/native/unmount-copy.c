/*
 * Unmounts a file system in the mount namespace of another process, which has a copy of its mount:
 *
 *   unmount-copy PID DEVICE PATH
 *
 * Nothing is executed there, and nothing of it is read but the way to PATH: its programs and libraries are a container's, and this one is
 * the host's root. A namespace of another user namespace is left alone, as is whatever else is at that path by now. Ends with 0 where the
 * copy is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

/* Its owner could not unmount it for us, and may be anybody. */
static int is_of_our_user_namespace(int namespace)
{
    struct stat ours, owner;
    const int fd = ioctl(namespace, NS_GET_USERNS);
    if (fd < 0)
        return 0;
    const int is_known = fstat(fd, &owner) == 0 && stat("/proc/self/ns/user", &ours) == 0;
    close(fd);
    return is_known && ours.st_dev == owner.st_dev && ours.st_ino == owner.st_ino;
}

static int is_on(const char *path, dev_t device)
{
    struct stat root;
    return lstat(path, &root) == 0 && S_ISDIR(root.st_mode) && root.st_dev == device;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: unmount-copy PID DEVICE PATH\n"), 2;
    char of[64];
    struct stat device;
    if (stat(argv[2], &device) < 0)
        return fail(argv[2]);
    snprintf(of, sizeof of, "/proc/%s/ns/mnt", argv[1]);
    const int namespace = open(of, O_RDONLY | O_CLOEXEC);
    if (namespace < 0)
        return fail(of);
    if (!is_of_our_user_namespace(namespace))
        return fprintf(stderr, "%s is of another user namespace\n", of), 1;
    if (setns(namespace, CLONE_NEWNS) < 0)
        return fail("setns");
    if (!is_on(argv[3], device.st_rdev))
        return fprintf(stderr, "%s is not on %s there\n", argv[3], argv[2]), 1;
    if (umount2(argv[3], UMOUNT_NOFOLLOW) < 0)
        return fail(argv[3]);
    return 0;
}
