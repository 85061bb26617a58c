/* Mounts behind which no server is: files in memory, and what is on one of the spare disks. Each of these may wait; the agent itself never does. */
#ifndef FASTVM_VOLUMES_PLAIN_MOUNT_H
#define FASTVM_VOLUMES_PLAIN_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

/* `bytes` 0: as the kernel has it. Flags are those of mount.h. 0 or an errno. */
int tmpfs_mount(const char *path, uint64_t bytes, uint32_t flags);
/* Of the spare disk `disk`, from 0, in the order of the machine; `type` NULL: whatever filesystem is on it. 0 or an errno. */
int disk_mount(uint32_t disk, const char *type, const char *path, uint32_t flags);
/* What is no disk: NO_DISK. A disk has no driver afterwards, also where nothing was mounted (ENOENT). 0 or an errno. */
int plain_unmount(uint32_t disk, const char *path, uint32_t flags);

#define NO_DISK UINT32_MAX

#endif
