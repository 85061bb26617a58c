/* The disks that every machine has from its birth and nothing is behind yet, one by one. */
#ifndef FASTVM_SPARE_DISK_H
#define FASTVM_SPARE_DISK_H

#include <stdbool.h>
#include <stdint.h>

enum { MAX_DEVICE_NAME = 64, MAX_DISK_PATH = 80 };

#define ROOT_DISK "vda"

/* What the bus calls the device behind a disk: of vdb virtio4. */
bool name_device_of(const char *disk, char name[MAX_DEVICE_NAME]);
/* The spare disk `disk`, from 0, in the order of the machine; one that had a driver is looked at anew. Its path in /dev. 0 or an errno. */
int bind_spare_disk(uint32_t disk, char path[MAX_DISK_PATH]);
/* Also one that has no driver. 0 or an errno. */
int unbind_spare_disk(uint32_t disk);

#endif
