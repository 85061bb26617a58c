/*
 * A file's content lies in a file without a name. Before a block that was synced changes, what it held is copied aside:
 *
 *     live    [ A | B'| C | D'| e ]      B and D have changed, e is new
 *     before  [   | B |   | D ]          holes where nothing has
 *     synced_bytes = 4 blocks
 *
 * A sync drops what is aside. A cut copies it back, and the length with it.
 */
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a disk writes whole. */
#define BLOCK 4096ULL
/* At most copied at a time. */
enum { RUN_BLOCKS = 256 };

static _Thread_local char run[RUN_BLOCKS * BLOCK];

static int nameless(int folder)
{
    return openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static int folder_of_all = -1;

int content_open(struct content *content, int folder)
{
    folder_of_all = folder;
    *content = (struct content){.live = nameless(folder), .before = -1};
    return content->live < 0 ? errno : 0;
}

void content_close(struct content *content)
{
    if (content->live >= 0) {
        close(content->live);
    }
    if (content->before >= 0) {
        close(content->before);
    }
    free(content->changed);
}

static uint64_t blocks_of(uint64_t bytes)
{
    return (bytes + BLOCK - 1) / BLOCK;
}

static bool has_changed(const struct content *content, uint64_t block)
{
    return (content->changed[block / 8] >> block % 8 & 1) != 0;
}

/* Holes stay holes: they are zeros either way. */
static int copy(int from, int to, uint64_t offset, uint64_t bytes)
{
    for (uint64_t end = offset + bytes; offset < end;) {
        off_t data = lseek(from, (off_t)offset, SEEK_DATA);
        if (data < 0 || (uint64_t)data >= end) {
            return data < 0 && errno != ENXIO ? errno : 0;
        }
        if ((uint64_t)data > offset) {
            offset = (uint64_t)data / BLOCK * BLOCK > offset ? (uint64_t)data / BLOCK * BLOCK : offset;
        }
        uint64_t wanted = end - offset < sizeof run ? end - offset : sizeof run;
        ssize_t got = pread(from, run, wanted, (off_t)offset);
        if (got <= 0) {
            return got < 0 ? errno : 0;
        }
        if (pwrite(to, run, (size_t)got, (off_t)offset) != got) {
            return errno;
        }
        offset += (uint64_t)got;
    }
    return 0;
}

int content_changing(struct content *content, uint64_t offset, uint64_t bytes)
{
    content->dirty = true;
    uint64_t end = offset + bytes < content->synced_bytes ? offset + bytes : content->synced_bytes;
    if (offset >= end) {
        return 0;
    }
    if (content->before < 0) {
        content->before = nameless(folder_of_all);
        content->changed = calloc(blocks_of(content->synced_bytes) / 8 + 1, 1);
        if (content->before < 0 || content->changed == NULL) {
            return ENOSPC;
        }
    }
    for (uint64_t block = offset / BLOCK, last = blocks_of(end); block < last;) {
        uint64_t first = block;
        while (block < last && !has_changed(content, block)) {
            content->changed[block / 8] |= (uint8_t)(1 << block % 8);
            block++;
        }
        int error = block == first ? 0 : copy(content->live, content->before, first * BLOCK, (block - first) * BLOCK);
        if (error != 0) {
            return error;
        }
        block += block == first;
    }
    return 0;
}

int content_resize(struct content *content, uint64_t bytes)
{
    int error = content_changing(content, bytes, UINT64_MAX / 2);
    if (error != 0) {
        return error;
    }
    return ftruncate(content->live, (off_t)bytes) == 0 ? 0 : errno;
}

int content_sync(struct content *content)
{
    struct stat now;
    if (!content->dirty) {
        return 0;
    }
    if (fstat(content->live, &now) != 0) {
        return errno;
    }
    if (content->before >= 0) {
        close(content->before);
    }
    free(content->changed);
    content->before = -1;
    content->changed = NULL;
    content->synced_bytes = (uint64_t)now.st_size;
    content->dirty = false;
    return 0;
}

static int take_back(struct content *content, uint64_t block)
{
    uint64_t offset = block * BLOCK;
    uint64_t left = content->synced_bytes - offset;
    memset(run, 0, BLOCK);
    if (pread(content->before, run, BLOCK, (off_t)offset) < 0) {
        return errno;
    }
    size_t bytes = left < BLOCK ? left : BLOCK;
    return pwrite(content->live, run, bytes, (off_t)offset) == (ssize_t)bytes ? 0 : errno;
}

/* New blocks past the old length are there or are zeros, as when a length reached the disk before what it is of. */
static int forget_new(struct content *content, uint64_t bytes, struct chance *chance, bool all)
{
    uint64_t first = blocks_of(content->synced_bytes);
    if (all || chance_below(chance, 2) == 0) {
        return ftruncate(content->live, (off_t)content->synced_bytes) == 0 ? 0 : errno;
    }
    for (uint64_t block = first; block < blocks_of(bytes); block++) {
        if (chance_below(chance, 2) == 0 &&
            fallocate(content->live, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(block * BLOCK), BLOCK) != 0) {
            return errno;
        }
    }
    return 0;
}

int content_forget(struct content *content, struct chance *chance)
{
    struct stat now;
    if (!content->dirty) {
        return 0;
    }
    if (fstat(content->live, &now) != 0) {
        return errno;
    }
    /* Of four: two lose all, one loses some, one nothing. */
    uint64_t lot = chance_below(chance, 4);
    if (lot == 3) {
        return content_sync(content);
    }
    /* A length that went down is a change of its own: none of the blocks behind it comes back alone. */
    bool all = lot < 2 || (uint64_t)now.st_size < content->synced_bytes;
    int error = 0;
    if ((uint64_t)now.st_size > content->synced_bytes) {
        error = forget_new(content, (uint64_t)now.st_size, chance, all);
    } else if (all && ftruncate(content->live, (off_t)content->synced_bytes) != 0) {
        error = errno;
    }
    for (uint64_t block = 0; error == 0 && content->before >= 0 && block < blocks_of(content->synced_bytes); block++) {
        if (has_changed(content, block) && (all || chance_below(chance, 2) == 0)) {
            error = take_back(content, block);
        }
    }
    return error != 0 ? error : content_sync(content);
}
