/*
 * Whether the kernel tracks writes, found by trying: a private mapping of this very program is what a guest's memory is, a private
 * mapping of a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "pages.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#define FEATURE_WP_UNPOPULATED (1ull << 13)
#define FEATURE_WP_ASYNC (1ull << 15)
#define PROBED_PAGES 2u

static int cannot(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    return 0;
}

static int count_page(void *context, uint32_t first_page, uint32_t pages)
{
    (void)first_page;
    *(uint32_t *)context += pages;
    return 0;
}

/* How many pages are written now; negative: it cannot be told. */
static int written(const struct scan *scan)
{
    uint32_t count = 0;
    int failed = scan_pages(scan, count_page, &count);
    errno = failed;
    return failed == 0 ? (int)count : -1;
}

static int try_tracking(char *memory)
{
    struct scan scan = {
        .pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
        .address = (uint64_t)(uintptr_t)memory,
        .bytes = PROBED_PAGES * PAGE_BYTES,
        .wanted = WRITTEN,
        .protect = true,
    };
    if (scan.pagemap < 0) {
        return cannot("pagemap");
    }
    const int expected[] = {0, 1, 0, 1};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (i % 2 == 1) {
            *(volatile char *)(memory + PAGE_BYTES) = (char)i;
        }
        int found = written(&scan);
        if (found < 0) {
            return cannot("PAGEMAP_SCAN");
        }
        if (found != expected[i]) {
            printf("PAGEMAP_SCAN: %d pages in place of %d\n", found, expected[i]);
            return 0;
        }
    }
    puts("async-wp");
    return 0;
}

int probe(void)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char *memory = file < 0 ? MAP_FAILED : mmap(NULL, PROBED_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (memory == MAP_FAILED) {
        return cannot("mmap");
    }
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (fd < 0) {
        return cannot("userfaultfd");
    }
    struct uffdio_api api = {.api = UFFD_API, .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED};
    if (ioctl(fd, UFFDIO_API, &api) < 0) {
        return cannot("userfaultfd without asynchronous write protection");
    }
    struct uffdio_register area = {.range = {(uint64_t)(uintptr_t)memory, PROBED_PAGES * PAGE_BYTES}, .mode = UFFDIO_REGISTER_MODE_WP};
    if (ioctl(fd, UFFDIO_REGISTER, &area) < 0) {
        return cannot("UFFDIO_REGISTER");
    }
    return try_tracking(memory);
}
