/*
 * Which pages of a process's memory were written. The memory is a private mapping of files: a page that was written is anonymous, in
 * memory or in swap; all others are the files'. Where the mapping is tracked (native/memory/map.c), a page that was written since it was
 * last protected is told apart from those that were written before.
 *
 * A page that is only read after a scan is the file's, and unprotected: the kernel would call it written, so what is the file's is never
 * asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "pages.h"
#include "pagemap-scan.h"

/* Ranges of one answer, and pages of one: what was protected is copied soon afterwards. */
#define MAX_REGIONS 1024
#define MAX_PAGES 16384
/* Entries of one read: 256 MiB of memory. */
#define MAX_ENTRIES 65536
#define ENTRY_PRESENT (1ull << 63)
#define ENTRY_SWAPPED (1ull << 62)
#define ENTRY_FILE (1ull << 61)

typedef int found_pages(void *context, uint32_t first_page, uint32_t pages);

static int scan_by_ioctl(const struct scan *scan, found_pages *found, void *context)
{
    struct scan_region regions[MAX_REGIONS];
    uint64_t end = scan->address + scan->bytes;
    for (uint64_t at = scan->address; at < end;) {
        struct scan_argument argument = {
            .size = sizeof argument,
            .flags = (scan->protect ? SCAN_PROTECT_MATCHING : 0) | (scan->protect || scan->wanted == WRITTEN ? SCAN_CHECK_TRACKED : 0),
            .start = at,
            .end = end,
            .vec = (uint64_t)(uintptr_t)regions,
            .vec_len = MAX_REGIONS,
            .max_pages = MAX_PAGES,
            .category_inverted = IS_FILE,
            .category_mask = IS_FILE | (scan->wanted == WRITTEN ? IS_WRITTEN : 0),
            .category_anyof_mask = IS_PRESENT | IS_SWAPPED,
            .return_mask = IS_PRESENT,
        };
        long count = ioctl(scan->pagemap, SCAN_IOCTL, &argument);
        if (count < 0) {
            return errno;
        }
        uint64_t pages = 0;
        for (long i = 0; i < count; i++) {
            uint64_t first = (regions[i].start - scan->address) / PAGE_BYTES;
            uint32_t length = (uint32_t)((regions[i].end - regions[i].start) / PAGE_BYTES);
            int failed = found(context, (uint32_t)first, length);
            if (failed != 0) {
                return failed;
            }
            pages += length;
        }
        /*
         * Where the kernel went on after an answer had grown beyond 512 ranges, `walk_end` is where that was, also when the walk came to
         * its end afterwards. It did unless one of our bounds was reached.
         */
        bool is_over = count < MAX_REGIONS && pages < MAX_PAGES;
        uint64_t next = is_over ? end : argument.walk_end;
        if (next <= at) {
            return EIO;
        }
        at = next;
    }
    return 0;
}

static bool is_private(uint64_t entry)
{
    return (entry & (ENTRY_PRESENT | ENTRY_SWAPPED)) != 0 && (entry & ENTRY_FILE) == 0;
}

static int find_runs(const uint64_t *entries, uint32_t count, uint32_t first_page, found_pages *found, void *context)
{
    for (uint32_t at = 0; at < count;) {
        uint32_t end = at;
        while (end < count && is_private(entries[end])) {
            end++;
        }
        int failed = end > at ? found(context, first_page + at, end - at) : 0;
        if (failed != 0) {
            return failed;
        }
        at = end + 1;
    }
    return 0;
}

static int scan_by_entry(const struct scan *scan, found_pages *found, void *context)
{
    uint64_t *entries = calloc(MAX_ENTRIES, sizeof *entries);
    if (entries == NULL) {
        return ENOMEM;
    }
    uint64_t total = scan->bytes / PAGE_BYTES;
    int failed = 0;
    for (uint64_t page = 0; page < total && failed == 0; page += MAX_ENTRIES) {
        uint32_t count = total - page < MAX_ENTRIES ? (uint32_t)(total - page) : MAX_ENTRIES;
        off_t at = (off_t)((scan->address / PAGE_BYTES + page) * sizeof *entries);
        failed = read_fully(scan->pagemap, (char *)entries, count * sizeof *entries, at);
        failed = failed != 0 ? failed : find_runs(entries, count, (uint32_t)page, found, context);
    }
    free(entries);
    return failed;
}

int scan_pages(const struct scan *scan, found_pages *found, void *context)
{
    if (scan->wanted == PRIVATE_BY_ENTRY) {
        return scan->protect ? EINVAL : scan_by_entry(scan, found, context);
    }
    return scan_by_ioctl(scan, found, context);
}
