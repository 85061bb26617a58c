#include "spare-disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_DISKS = 24,
    /* The kernel makes the node in /dev in a moment, where nobody else does. */
    NODE_TRIES = 500,
    NODE_PAUSE_US = 10000,
};

#define DEVICES "/sys/bus/virtio/devices"
#define DRIVER "/sys/bus/virtio/drivers/virtio_blk"
/* The kind of a disk, as virtio numbers them. */
#define DISK_KIND "0x0002"

/* /sys/block/vdb/device leads to ../../../virtio4. */
bool name_device_of(const char *disk, char name[MAX_DEVICE_NAME])
{
    char path[MAX_DEVICE_NAME + 32], target[256];
    snprintf(path, sizeof path, "/sys/block/%.63s/device", disk);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length <= 0) {
        return false;
    }
    target[length] = 0;
    const char *last = strrchr(target, '/');
    snprintf(name, MAX_DEVICE_NAME, "%.63s", last == NULL ? target : last + 1);
    return true;
}

static int tell_driver(const char *file, const char *device)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    int error = fd < 0 || write(fd, device, strlen(device)) < 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static bool is_disk(const char *device)
{
    char path[MAX_DEVICE_NAME + 48], kind[16] = "";
    snprintf(path, sizeof path, DEVICES "/%.63s/device", device);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, kind, sizeof kind - 1);
    if (fd >= 0) {
        close(fd);
    }
    return length > 0 && strncmp(kind, DISK_KIND, strlen(DISK_KIND)) == 0;
}

/* virtio4 is 4. */
static unsigned long number_of(const char *device)
{
    return strncmp(device, "virtio", 6) == 0 ? strtoul(device + 6, NULL, 10) : 0;
}

static int by_number(const void *one, const void *other)
{
    unsigned long a = number_of(one), b = number_of(other);
    return a < b ? -1 : a > b;
}

/* Devices are numbered in the order of the machine. */
static int find_spare(uint32_t disk, char device[MAX_DEVICE_NAME])
{
    char found[MAX_DISKS][MAX_DEVICE_NAME], root[MAX_DEVICE_NAME] = "";
    size_t count = 0;
    DIR *devices = opendir(DEVICES);
    name_device_of(ROOT_DISK, root);
    for (struct dirent *entry; devices != NULL && count < MAX_DISKS && (entry = readdir(devices)) != NULL;) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, root) != 0 && is_disk(entry->d_name)) {
            snprintf(found[count++], MAX_DEVICE_NAME, "%.63s", entry->d_name);
        }
    }
    if (devices != NULL) {
        closedir(devices);
    }
    if (disk >= count) {
        return ENXIO;
    }
    qsort(found, count, MAX_DEVICE_NAME, by_number);
    memcpy(device, found[disk], MAX_DEVICE_NAME);
    return 0;
}

/* The driver's name for it, which is that of its node. */
static int find_node(const char *device, char path[MAX_DISK_PATH])
{
    char folder[MAX_DEVICE_NAME + 48];
    snprintf(folder, sizeof folder, DEVICES "/%.63s/block", device);
    DIR *disks = opendir(folder);
    int error = ENXIO;
    for (struct dirent *entry; disks != NULL && (entry = readdir(disks)) != NULL;) {
        if (entry->d_name[0] != '.') {
            snprintf(path, MAX_DISK_PATH, "/dev/%.63s", entry->d_name);
            error = 0;
        }
    }
    if (disks != NULL) {
        closedir(disks);
    }
    for (int i = 0; error == 0 && access(path, F_OK) < 0; i++) {
        error = i < NODE_TRIES ? 0 : ENXIO;
        usleep(NODE_PAUSE_US);
    }
    return error;
}

int bind_spare_disk(uint32_t disk, char path[MAX_DISK_PATH])
{
    char device[MAX_DEVICE_NAME];
    int error = find_spare(disk, device);
    if (error == 0) {
        /* What was behind it when it was bound before is not what is there now. */
        tell_driver(DRIVER "/unbind", device);
        error = tell_driver(DRIVER "/bind", device);
    }
    return error != 0 ? error : find_node(device, path);
}

int unbind_spare_disk(uint32_t disk)
{
    char device[MAX_DEVICE_NAME];
    int error = find_spare(disk, device);
    error = error != 0 ? error : tell_driver(DRIVER "/unbind", device);
    return error == ENODEV ? 0 : error;
}
