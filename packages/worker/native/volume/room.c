#include "room.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "attachment.h"

/* Of `blocks`, as stat(2) counts them. */
enum { STAT_BLOCK_BYTES = 512 };

int room_for(const struct attachment *attachment, uint64_t bytes)
{
    struct statfs found;
    if (attachment->floor == 0 || bytes == 0) {
        return 0;
    }
    if (fstatfs(node_at(&attachment->nodes, ROOT_NODE)->fd, &found) < 0) {
        return errno;
    }
    uint64_t available = found.f_bavail * (uint64_t)found.f_bsize;
    return available < attachment->floor || available - attachment->floor < bytes ? ENOSPC : 0;
}

int room_for_data(const struct attachment *attachment, int fd, uint64_t start, uint64_t length)
{
    struct stat found;
    if (attachment->floor == 0) {
        return 0;
    }
    if (fstat(fd, &found) < 0) {
        return errno;
    }
    uint64_t size = (uint64_t)found.st_size;
    bool has_holes = (uint64_t)found.st_blocks * STAT_BLOCK_BYTES < size;
    /* Where it begins beyond the end, or a hole may be, all of it is new. */
    uint64_t added = has_holes || start >= size ? length : start + length > size ? start + length - size : 0;
    return room_for(attachment, added);
}
