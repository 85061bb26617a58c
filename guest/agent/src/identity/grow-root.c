#include "grow-root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef EXT4_IOC_RESIZE_FS
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)
#endif

enum { WAIT_STEPS = 400, WAIT_STEP_US = 5000, SUPERBLOCK = 1024 };

#define ROOT_DEVICE "/dev/vda"

static int device_bytes(uint64_t *bytes)
{
    int fd = open(ROOT_DEVICE, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int error = ioctl(fd, BLKGETSIZE64, bytes) < 0 ? errno : 0;
    close(fd);
    return error;
}

/* From ext4's superblock: statfs leaves out what the filesystem keeps for itself. */
static int filesystem_size(uint64_t *bytes, uint64_t *block_bytes)
{
    uint32_t low, high, shift;
    int fd = open(ROOT_DEVICE, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    bool read = pread(fd, &low, sizeof low, SUPERBLOCK + 0x4) == sizeof low &&
                pread(fd, &high, sizeof high, SUPERBLOCK + 0x150) == sizeof high &&
                pread(fd, &shift, sizeof shift, SUPERBLOCK + 0x18) == sizeof shift;
    close(fd);
    if (!read || shift > 6) {
        return EIO;
    }
    *block_bytes = UINT64_C(1024) << shift;
    *bytes = ((uint64_t)high << 32 | low) * *block_bytes;
    return 0;
}

/* The kernel learns of the new size by an interrupt, which may come after the request. */
static int wait_for_larger_device(uint64_t filesystem, uint64_t *bytes)
{
    for (int step = 0; step < WAIT_STEPS; step++) {
        int error = device_bytes(bytes);
        if (error != 0 || *bytes > filesystem) {
            return error;
        }
        usleep(WAIT_STEP_US);
    }
    return ETIMEDOUT;
}

int grow_root(void)
{
    uint64_t filesystem = 0, block_bytes = 1, bytes = 0;
    int error = filesystem_size(&filesystem, &block_bytes);
    if (error == 0) {
        error = wait_for_larger_device(filesystem, &bytes);
    }
    if (error != 0) {
        return error;
    }
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t blocks = bytes / block_bytes;
    error = fd < 0 || ioctl(fd, EXT4_IOC_RESIZE_FS, &blocks) < 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    return error;
}
