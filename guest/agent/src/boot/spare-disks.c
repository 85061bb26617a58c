/*
 * Disks that nothing is behind yet. The machine has some from its birth, as it can take none later; without a driver they have no name in /dev, no
 * line in lsblk and no place in udev's database. Who is given one binds it again: the kernel then reads what it is by now, size included.
 *
 *   echo virtioN > /sys/bus/virtio/drivers/virtio_blk/bind
 */
#include "spare-disks.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_DISKS = 24, MAX_NAME = 64 };

#define ROOT_DISK "vda"

/* /sys/block/vdb/device leads to ../../../virtio4. */
static bool name_device(const char *disk, char name[MAX_NAME])
{
    char path[MAX_NAME + 32], target[256];
    snprintf(path, sizeof path, "/sys/block/%.63s/device", disk);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length <= 0) {
        return false;
    }
    target[length] = 0;
    const char *last = strrchr(target, '/');
    snprintf(name, MAX_NAME, "%.63s", last == NULL ? target : last + 1);
    return true;
}

static void unbind(const char *device)
{
    int fd = open("/sys/bus/virtio/drivers/virtio_blk/unbind", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, device, strlen(device)) < 0) {
        dprintf(2, "fastvm-agent: the spare disk %s stays\n", device);
    }
    if (fd >= 0) {
        close(fd);
    }
}

void put_spare_disks_aside(void)
{
    char devices[MAX_DISKS][MAX_NAME];
    int count = 0;
    DIR *disks = opendir("/sys/block");
    for (struct dirent *entry; disks != NULL && count < MAX_DISKS && (entry = readdir(disks)) != NULL;) {
        bool is_spare = strncmp(entry->d_name, "vd", 2) == 0 && strcmp(entry->d_name, ROOT_DISK) != 0;
        if (is_spare && name_device(entry->d_name, devices[count])) {
            count++;
        }
    }
    if (disks != NULL) {
        closedir(disks);
    }
    /* After the folder was read, as it loses an entry by each. */
    for (int i = 0; i < count; i++) {
        unbind(devices[i]);
    }
}
