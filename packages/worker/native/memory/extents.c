/*
 * A VM whose memory differs much from its base shares the difference with its siblings: ranges of immutable page files are mapped over
 * the base as QEMU maps that. Either all of them, or QEMU does not start.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-memory.h"
#include "page-map.h"

#define INDEX_FILE "memory.map"
#define PAGES_FOLDER "pages"

static int refuse(const char *what)
{
    fprintf(stderr, "page map: %s: %s\n", what, strerror(errno));
    return -1;
}

static bool read_fully(int fd, void *into, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t bytes = read(fd, (char *)into + done, length - done);
        if (bytes <= 0) {
            errno = bytes == 0 ? EINVAL : errno;
            return false;
        }
        done += (size_t)bytes;
    }
    return true;
}

static bool is_sane(const struct map_header *header, size_t length)
{
    return memcmp(header->magic, MAP_MAGIC, sizeof header->magic) == 0 && header->version == MAP_VERSION && header->files <= MAX_FILES &&
           header->extents <= MAX_MAPPED_EXTENTS && header->memory_pages * PAGE_BYTES == length;
}

static int open_page_file(const char name[NAME_BYTES])
{
    char path[sizeof PAGES_FOLDER + NAME_BYTES + 1];
    if (memchr(name, '\0', NAME_BYTES) == NULL || strchr(name, '/') != NULL || name[0] == '.') {
        errno = EINVAL;
        return refuse("name");
    }
    snprintf(path, sizeof path, PAGES_FOLDER "/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? refuse(path) : fd;
}

/* The extents of one file; a page beyond its end would be a guest's SIGBUS later on. */
static int map_file(char *memory, size_t length, int protection, int fd, uint32_t file, const struct map_extent *extents, uint32_t count)
{
    struct stat found;
    if (fstat(fd, &found) < 0) {
        return refuse("stat");
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct map_extent *extent = &extents[i];
        if (extent->file != file) {
            continue;
        }
        uint64_t end = (uint64_t)extent->first_page + extent->pages;
        uint64_t file_end = (uint64_t)extent->file_page + extent->pages;
        if (extent->pages == 0 || end * PAGE_BYTES > length || file_end * PAGE_BYTES > (uint64_t)found.st_size) {
            errno = EINVAL;
            return refuse("extent");
        }
        void *at = memory + extent->first_page * PAGE_BYTES;
        off_t offset = (off_t)(extent->file_page * PAGE_BYTES);
        if (map_raw(at, extent->pages * PAGE_BYTES, protection, MAP_PRIVATE | MAP_FIXED, fd, offset) == MAP_FAILED) {
            return refuse("mmap");
        }
    }
    return 0;
}

static int map_from(int map, const struct map_header *header, char *memory, size_t length, int protection)
{
    char(*names)[NAME_BYTES] = calloc(header->files + 1u, NAME_BYTES);
    struct map_extent *extents = calloc(header->extents + 1u, sizeof *extents);
    int failed = -1;
    if (names == NULL || extents == NULL) {
        refuse("memory");
    } else if (!read_fully(map, names, header->files * (size_t)NAME_BYTES) || !read_fully(map, extents, header->extents * sizeof *extents)) {
        refuse("its end");
    } else {
        failed = 0;
        for (uint32_t file = 0; file < header->files && failed == 0; file++) {
            int fd = open_page_file(names[file]);
            failed = fd < 0 ? -1 : map_file(memory, length, protection, fd, file, extents, header->extents);
            if (fd >= 0) {
                close(fd);
            }
        }
    }
    free(names);
    free(extents);
    return failed;
}

int map_extents(char *memory, size_t length, int protection)
{
    int map = open(INDEX_FILE, O_RDONLY | O_CLOEXEC);
    if (map < 0) {
        return errno == ENOENT ? 0 : refuse(INDEX_FILE);
    }
    struct map_header header;
    int failed;
    if (!read_fully(map, &header, sizeof header)) {
        failed = refuse("header");
    } else if (!is_sane(&header, length)) {
        errno = EINVAL;
        failed = refuse("header");
    } else {
        failed = map_from(map, &header, memory, length, protection);
    }
    close(map);
    return failed;
}
