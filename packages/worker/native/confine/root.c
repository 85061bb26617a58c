/*
 * A root of a handful of mounts: the working directory, to write; files and folders of the system, to read; devices. What else the host has
 * is not hidden but absent.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"

/* Every host has this folder, and nothing that is exposed lies in it. Mounted over in our namespace alone. */
#define NEW_ROOT "/proc"
#define WORK "/vm"
/* For a moment. */
#define MAKING NEW_ROOT "/making"
/* Holds the names of what is mounted on it. */
#define ROOT_OPTIONS "size=1m,nr_inodes=4k,mode=755"
#define HARMLESS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* Makes the folders that lead to `path`. */
static int make_parents(char *path)
{
    for (char *at = strchr(path + sizeof NEW_ROOT, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        int made = mkdir(path, 0755);
        *at = '/';
        if (made < 0 && errno != EEXIST) {
            return fail(path);
        }
    }
    return 0;
}

/* Something to mount on. What is there already is a part of another exposed folder. */
static int make_place(char *path, bool is_folder)
{
    if (make_parents(path) != 0) {
        return 1;
    }
    if (is_folder) {
        return mkdir(path, 0755) < 0 && errno != EEXIST ? fail(path) : 0;
    }
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
    if (fd < 0) {
        return fail(path);
    }
    close(fd);
    return 0;
}

static int bind(const char *source, const char *target, unsigned long flags)
{
    char place[PATH_MAX];
    struct stat found;
    if (stat(source, &found) < 0) {
        return fail(source);
    }
    snprintf(place, sizeof place, "%s%s", NEW_ROOT, target);
    if (make_place(place, S_ISDIR(found.st_mode)) != 0) {
        return 1;
    }
    if (mount(source, place, NULL, MS_BIND, NULL) < 0) {
        return fail(source);
    }
    return mount(NULL, place, NULL, MS_BIND | MS_REMOUNT | flags, NULL) < 0 ? fail(place) : 0;
}

static int expose(const char *given)
{
    char source[PATH_MAX];
    snprintf(source, sizeof source, "%s", given);
    char *target = strchr(source, ':');
    if (target == NULL) {
        return bind(source, source, MS_RDONLY | MS_NOSUID | MS_NODEV);
    }
    *target++ = '\0';
    return bind(source, target, MS_RDONLY | MS_NOSUID | MS_NODEV);
}

/*
 * A node of its own, the user's alone, of a device that is not everybody's: which users and groups may open the host's is different on each. The bind keeps the
 * filesystem that it lies on.
 */
static int give_own(const char *device, const struct stat *found, uid_t user)
{
    if (mkdir(MAKING, 0700) < 0 || mount("device", MAKING, "tmpfs", MS_NOSUID | MS_NOEXEC, "size=16k,nr_inodes=4") < 0) {
        return fail("device");
    }
    if (mknod(MAKING "/node", (found->st_mode & S_IFMT) | 0600, found->st_rdev) < 0 || chown(MAKING "/node", user, user) < 0) {
        return fail(device);
    }
    if (bind(MAKING "/node", device, MS_RDONLY | MS_NOSUID | MS_NOEXEC) != 0) {
        return 1;
    }
    return umount2(MAKING, MNT_DETACH) < 0 || rmdir(MAKING) < 0 ? fail("device") : 0;
}

static int give(const char *device, const struct options *options)
{
    struct stat found;
    if (stat(device, &found) < 0) {
        return fail(device);
    }
    bool is_everybodys = (found.st_mode & (S_IROTH | S_IWOTH)) == (S_IROTH | S_IWOTH);
    if (options->has_user && !is_everybodys) {
        return give_own(device, &found, options->user);
    }
    return bind(device, device, MS_RDONLY | MS_NOSUID | MS_NOEXEC);
}

static int change_root(void)
{
    /* The old root comes to lie over the new one, and goes. */
    if (chdir(NEW_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0) {
        return fail("root");
    }
    if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | HARMLESS, NULL) < 0) {
        return fail("root");
    }
    return chdir(WORK) < 0 ? fail(WORK) : 0;
}

int enter_root(const struct options *options)
{
    /* What we mount must not show on the host, nor what the host mounts later hold its disks here. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return fail("mounts");
    }
    umask(0);
    if (mount("root", NEW_ROOT, "tmpfs", HARMLESS, ROOT_OPTIONS) < 0) {
        return fail("root");
    }
    if (bind(".", WORK, HARMLESS) != 0) {
        return 1;
    }
    for (size_t i = 0; i < options->exposed_count; i++) {
        if (expose(options->exposed[i]) != 0) {
            return 1;
        }
    }
    for (size_t i = 0; i < options->device_count; i++) {
        if (give(options->devices[i], options) != 0) {
            return 1;
        }
    }
    return change_root();
}
