/*
 * Which pages of a process's memory were written. The memory is a private mapping of files: a page that was written is anonymous, in
 * memory or in swap; all others are the files'. Where the mapping is tracked (native/memory/map.c), a page that was written since it was
 * last protected is told apart from those that were written before.
 *
 * A page that is only read after a scan is the file's, and unprotected: the kernel calls it written. Whose a page is the kernel finds in
 * its descriptor, a cache miss each: 16 ms for 1.3 GiB of private pages, where protection alone, which is in the page table, takes 1. So
 * those that were written are looked for first, and only of these it is asked whose they are. A file's page among them is protected, too,
 * and not found again until it is written, which makes it private.
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

static const struct scan_argument THOSE_WRITTEN = {
    .category_mask = IS_WRITTEN,
    .category_anyof_mask = IS_PRESENT | IS_SWAPPED,
    .return_mask = IS_PRESENT,
};
static const struct scan_argument THOSE_PRIVATE = {
    .category_inverted = IS_FILE,
    .category_mask = IS_FILE,
    .category_anyof_mask = IS_PRESENT | IS_SWAPPED,
    .return_mask = IS_PRESENT,
};

/* One answer of the kernel is a batch: what it protected is handed on before more is. */
struct batch {
    struct scan_region regions[MAX_REGIONS];
    long count;
};

static int next_batch(int pagemap, struct scan_argument argument, uint64_t *at, uint64_t end, struct batch *batch)
{
    argument.size = sizeof argument;
    argument.start = *at;
    argument.end = end;
    argument.vec = (uint64_t)(uintptr_t)batch->regions;
    argument.vec_len = MAX_REGIONS;
    argument.max_pages = MAX_PAGES;
    batch->count = ioctl(pagemap, SCAN_IOCTL, &argument);
    if (batch->count < 0) {
        return errno;
    }
    uint64_t pages = 0;
    for (long i = 0; i < batch->count; i++) {
        pages += (batch->regions[i].end - batch->regions[i].start) / PAGE_BYTES;
    }
    /*
     * `walk_end` is where the kernel went on after an answer had grown beyond 512 ranges, also when the walk came to its end afterwards. It
     * did unless one of our bounds was reached, and may have just then: what it has told already is behind us in any case, and a range that
     * is told twice would make a map that nobody can read.
     */
    bool is_over = batch->count < MAX_REGIONS && pages < MAX_PAGES;
    uint64_t told = batch->count == 0 ? 0 : batch->regions[batch->count - 1].end;
    uint64_t next = is_over ? end : argument.walk_end > told ? argument.walk_end : told;
    if (next <= *at) {
        return EIO;
    }
    *at = next;
    return 0;
}

static int hand_on(const struct scan *scan, const struct batch *batch, found_pages *found, void *context)
{
    for (long i = 0; i < batch->count; i++) {
        uint64_t first = (batch->regions[i].start - scan->address) / PAGE_BYTES;
        uint64_t pages = (batch->regions[i].end - batch->regions[i].start) / PAGE_BYTES;
        int failed = found(context, (uint32_t)first, (uint32_t)pages);
        if (failed != 0) {
            return failed;
        }
    }
    return 0;
}

/* What is written meanwhile, and so becomes private, may be among it or not: it counts as written anyway. */
static int hand_on_private(const struct scan *scan, const struct batch *written, found_pages *found, void *context)
{
    struct batch private;
    for (long i = 0; i < written->count; i++) {
        uint64_t end = written->regions[i].end;
        for (uint64_t at = written->regions[i].start; at < end;) {
            int failed = next_batch(scan->pagemap, THOSE_PRIVATE, &at, end, &private);
            failed = failed != 0 ? failed : hand_on(scan, &private, found, context);
            if (failed != 0) {
                return failed;
            }
        }
    }
    return 0;
}

static int scan_by_ioctl(const struct scan *scan, found_pages *found, void *context)
{
    bool is_for_written = scan->wanted == WRITTEN;
    struct scan_argument argument = is_for_written ? THOSE_WRITTEN : THOSE_PRIVATE;
    argument.flags = (scan->protect ? SCAN_PROTECT_MATCHING : 0) | (scan->protect || is_for_written ? SCAN_CHECK_TRACKED : 0);
    uint64_t end = scan->address + scan->bytes;
    struct batch batch;
    for (uint64_t at = scan->address; at < end;) {
        int failed = next_batch(scan->pagemap, argument, &at, end, &batch);
        if (failed == 0) {
            failed = is_for_written ? hand_on_private(scan, &batch, found, context) : hand_on(scan, &batch, found, context);
        }
        if (failed != 0) {
            return failed;
        }
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
