/*
 * The page map of a VM's memory, as packages/worker/src/memory/page-map-file.ts writes it: which pages are in which file beside the base.
 * Little-endian.
 *
 *   0          8         12        16          20             24
 *   +----------+---------+---------+-----------+--------------+------------------+------------------------------------------------+
 *   | FVMPAGES | version | files n | extents m | memory pages | n × 64 B: a name | m × (first page, pages, file, page in the file) |
 *   +----------+---------+---------+-----------+--------------+------------------+------------------------------------------------+
 */
#ifndef FASTVM_PAGE_MAP_H
#define FASTVM_PAGE_MAP_H

#include <stdint.h>

#define PAGE_BYTES 4096ull
#define MAP_MAGIC "FVMPAGES"
#define MAP_VERSION 1u
#define NAME_BYTES 64
/* As the worker writes them at most; see memory/page-map-file.ts. */
#define MAX_FILES 4096u
/* Well under the kernel's 65,530 mappings of a process. */
#define MAX_MAPPED_EXTENTS 16384u

struct map_header {
    char magic[8];
    uint32_t version;
    uint32_t files;
    uint32_t extents;
    uint32_t memory_pages;
};

struct map_extent {
    uint32_t first_page;
    uint32_t pages;
    uint32_t file;
    uint32_t file_page;
};

#endif
