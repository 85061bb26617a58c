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

#include "system/spare-disk.h"

enum { MAX_DISKS = 24 };

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
    char devices[MAX_DISKS][MAX_DEVICE_NAME];
    int count = 0;
    DIR *disks = opendir("/sys/block");
    for (struct dirent *entry; disks != NULL && count < MAX_DISKS && (entry = readdir(disks)) != NULL;) {
        bool is_spare = strncmp(entry->d_name, "vd", 2) == 0 && strcmp(entry->d_name, ROOT_DISK) != 0;
        if (is_spare && name_device_of(entry->d_name, devices[count])) {
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
