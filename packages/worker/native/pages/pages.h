/* What the parts of fastvm-pages share; main.c says what it is for. */
#ifndef FASTVM_PAGES_H
#define FASTVM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE_BYTES 4096ull
/* What one read of memory takes along. */
#define CHUNK_PAGES 256u

/* On the wire: pages of memory, and the first of them in a file. */
struct extent {
    uint32_t first_page;
    uint32_t pages;
    uint32_t file_page;
};

struct extents {
    struct extent *list;
    size_t count;
    size_t room;
};

/* Consecutive pages in memory and in the file become one. False: no memory. */
bool add_extent(struct extents *extents, struct extent next);

/* Which pages a scan finds. */
enum pages_wanted {
    /* Written since they were last protected; EPERM where the kernel does not track the memory. */
    WRITTEN,
    /* Those that are no file's: all that were written since the process started. */
    PRIVATE,
    /* The same on a kernel without PAGEMAP_SCAN, page by page. */
    PRIVATE_BY_ENTRY,
};

struct scan {
    int pagemap;
    uint64_t address;
    uint64_t bytes;
    enum pages_wanted wanted;
    /* Protects what it finds, in the same step: a write from then on counts as written. */
    bool protect;
};

/* Calls `found` with ranges of pages in order, each within a while of its having been protected. 0, or an errno. */
int scan_pages(const struct scan *scan, int (*found)(void *context, uint32_t first_page, uint32_t pages), void *context);

/* 0, or an errno: what ends early, such as the memory of a process that has ended, is EIO. */
int read_fully(int fd, char *into, size_t length, off_t at);
int write_fully(int fd, const char *from, size_t length, off_t at);

/* Writes pages but for those of zeros, whose place is a hole. */
int write_sparse(int fd, const char *from, uint32_t pages, off_t at);

/* Prints how this kernel tracks writes. */
int probe(void);

#endif
