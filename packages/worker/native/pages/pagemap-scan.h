/*
 * The part of <linux/fs.h> of Linux 6.7 that is used here: a distribution's headers may be older than its kernel. See
 * Documentation/admin-guide/mm/pagemap.rst.
 */
#ifndef FASTVM_PAGEMAP_SCAN_H
#define FASTVM_PAGEMAP_SCAN_H

#include <stdint.h>
#include <sys/ioctl.h>

struct scan_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

struct scan_argument {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t vec;
    uint64_t vec_len;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof_mask;
    uint64_t return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_argument)
#define SCAN_PROTECT_MATCHING (1u << 0)
#define SCAN_CHECK_TRACKED (1u << 1)
#define IS_WRITTEN (1u << 1)
#define IS_FILE (1u << 2)
#define IS_PRESENT (1u << 3)
#define IS_SWAPPED (1u << 4)

#endif
