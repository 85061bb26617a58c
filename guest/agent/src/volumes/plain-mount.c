#include "plain-mount.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "mount.h"
#include "system/spare-disk.h"

enum { MAX_TYPES = 64, MAX_TYPE = 32, MAX_OPTIONS = 64 };

#define FIRST_TYPE "ext4"

int tmpfs_mount(const char *path, uint64_t bytes, uint32_t flags)
{
    char options[MAX_OPTIONS] = "mode=0755";
    int error = make_mount_point(path, true);
    if (error != 0) {
        return error;
    }
    if (bytes > 0) {
        snprintf(options, sizeof options, "mode=0755,size=%llu", (unsigned long long)bytes);
    }
    return mount("tmpfs", path, "tmpfs", kernel_mount_flags(flags), options) < 0 ? errno : 0;
}

static int mount_as(const char *device, const char *path, const char *type, unsigned long flags)
{
    return mount(device, path, type, flags, NULL) < 0 ? errno : 0;
}

/* As mount(8) guesses: each type that is on a disk, until one takes it. What is none of its type is EINVAL. */
static int mount_whatever(const char *device, const char *path, unsigned long flags)
{
    int error = mount_as(device, path, FIRST_TYPE, flags);
    FILE *types = error == EINVAL || error == ENODEV ? fopen("/proc/filesystems", "re") : NULL;
    char line[MAX_TYPE + 32], type[MAX_TYPE];
    for (int i = 0; types != NULL && i < MAX_TYPES && fgets(line, sizeof line, types) != NULL; i++) {
        bool is_on_disk = line[0] == '\t' && sscanf(line, "%31s", type) == 1;
        if (is_on_disk && strcmp(type, FIRST_TYPE) != 0) {
            error = mount_as(device, path, type, flags);
            if (error != EINVAL && error != ENODEV) {
                break;
            }
        }
    }
    if (types != NULL) {
        fclose(types);
    }
    return error;
}

int disk_mount(uint32_t disk, const char *type, const char *path, uint32_t flags)
{
    char device[MAX_DISK_PATH];
    int error = make_mount_point(path, true);
    error = error != 0 ? error : bind_spare_disk(disk, device);
    if (error != 0) {
        return error;
    }
    error = type == NULL ? mount_whatever(device, path, kernel_mount_flags(flags))
                         : mount_as(device, path, type, kernel_mount_flags(flags));
    if (error != 0) {
        unbind_spare_disk(disk);
    }
    return error;
}

int plain_unmount(uint32_t disk, const char *path, uint32_t flags)
{
    bool is_forced = (flags & UNMOUNT_FORCED) != 0;
    int error = umount2(path, UMOUNT_NOFOLLOW | (is_forced ? MNT_DETACH : 0)) < 0 ? errno : 0;
    error = error == EINVAL ? ENOENT : error;
    if (disk == NO_DISK || (error != 0 && error != ENOENT && !is_forced)) {
        return error;
    }
    int unbound = unbind_spare_disk(disk);
    return unbound != 0 ? unbound : error;
}
