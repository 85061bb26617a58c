/* Whole reads and writes at a place, for files and for the memory of processes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pages.h"

#define FIRST_ROOM 256u

int read_fully(int fd, char *into, size_t length, off_t at)
{
    for (size_t done = 0; done < length;) {
        ssize_t bytes = pread(fd, into + done, length - done, at + (off_t)done);
        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        if (bytes <= 0) {
            return bytes < 0 ? errno : EIO;
        }
        done += (size_t)bytes;
    }
    return 0;
}

/* The memory of a process that has ended takes nothing and reports no error: only this tells. */
int write_fully(int fd, const char *from, size_t length, off_t at)
{
    for (size_t done = 0; done < length;) {
        ssize_t bytes = pwrite(fd, from + done, length - done, at + (off_t)done);
        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        if (bytes <= 0) {
            return bytes < 0 ? errno : EIO;
        }
        done += (size_t)bytes;
    }
    return 0;
}

static bool is_zero(const char *page)
{
    /* Each byte equals its neighbour, and the first is zero. */
    return page[0] == 0 && memcmp(page, page + 1, PAGE_BYTES - 1) == 0;
}

int write_sparse(int fd, const char *from, uint32_t pages, off_t at)
{
    for (uint32_t page = 0; page < pages;) {
        uint32_t end = page;
        while (end < pages && !is_zero(from + end * PAGE_BYTES)) {
            end++;
        }
        if (end > page) {
            int failed = write_fully(fd, from + page * PAGE_BYTES, (end - page) * PAGE_BYTES, at + (off_t)(page * PAGE_BYTES));
            if (failed != 0) {
                return failed;
            }
        }
        page = end + 1;
    }
    return 0;
}

bool add_extent(struct extents *extents, struct extent next)
{
    struct extent *last = extents->count == 0 ? NULL : &extents->list[extents->count - 1];
    if (last != NULL && last->first_page + last->pages == next.first_page && last->file_page + last->pages == next.file_page) {
        last->pages += next.pages;
        return true;
    }
    if (extents->count == extents->room) {
        size_t room = extents->room == 0 ? FIRST_ROOM : extents->room * 2;
        struct extent *list = realloc(extents->list, room * sizeof *list);
        if (list == NULL) {
            return false;
        }
        extents->list = list;
        extents->room = room;
    }
    extents->list[extents->count++] = next;
    return true;
}
