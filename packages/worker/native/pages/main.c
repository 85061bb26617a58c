/*
 * Copies pages between the memory of VMs and files, one such process for all VMs of a worker: it does what would hold up the daemon's
 * loop. It knows nothing of VMs, keeps nothing between two requests, and may be killed at any moment: whoever asked takes what it had
 * begun for nothing.
 *
 * A request is a line, an answer a line; fields end at a space, paths at a tab or the line's end. Several requests are worked on at once,
 * each by a thread.
 *
 *   scan <id> <process> <address> <bytes> <wanted> <protect> <file page> <path>     copies the pages that it finds to a file, from that page of it on;
 *                                                                                   with the path - it copies nothing, and says where they would go
 *   copy <id> <base from> <base> <sparse> <extents> <path from>\t<path to>          and the extents: `base from` + 4096 × file page of `from` to
 *                                                                                   `base` + 4096 × first page of `to`
 *
 *   <id> <errno> <pages> <file page after the last> <extents>                       and the extents; each is 12 bytes, see pages.h
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pages.h"

/* Two paths and some numbers. */
#define MAX_LINE 16384
/* 1 TiB: the largest machine. */
#define MAX_MEMORY_PAGES (1u << 28)
/* One for each page of 64 GiB; the worker asks for no more. */
#define MAX_EXTENTS (16u << 20)
/* By the QEMU that it is linked for; the folders above decide whom that is. */
#define FILE_MODE 0444

struct request {
    unsigned id;
    int process;
    struct scan scan;
    uint32_t file_page;
    uint64_t base_from;
    uint64_t base;
    bool sparse;
    bool is_scan;
    struct extents extents;
    const char *from;
    const char *to;
    char line[MAX_LINE];
};

struct copying {
    int memory;
    int file;
    uint64_t address;
    uint32_t file_page;
    uint64_t pages;
    struct extents found;
    char *buffer;
};

static pthread_mutex_t answering = PTHREAD_MUTEX_INITIALIZER;

static void answer(unsigned id, int failed, uint64_t pages, uint32_t file_page, const struct extents *extents)
{
    size_t count = failed == 0 ? extents->count : 0;
    pthread_mutex_lock(&answering);
    printf("%u %d %llu %u %zu\n", id, failed, (unsigned long long)pages, file_page, count);
    if (count > 0) {
        fwrite(extents->list, sizeof *extents->list, count, stdout);
    }
    /* Nobody listens any more: there is nothing left to do. */
    if (fflush(stdout) != 0) {
        _exit(1);
    }
    pthread_mutex_unlock(&answering);
}

static int copy_chunk(const struct copying *copying, uint32_t first_page, uint32_t pages)
{
    uint64_t address = copying->address + first_page * PAGE_BYTES;
    int failed = read_fully(copying->memory, copying->buffer, pages * PAGE_BYTES, (off_t)address);
    return failed != 0 ? failed : write_sparse(copying->file, copying->buffer, pages, (off_t)(copying->file_page * PAGE_BYTES));
}

static int copy_found(void *context, uint32_t first_page, uint32_t pages)
{
    struct copying *copying = context;
    copying->pages += pages;
    for (uint32_t done = 0; done < pages;) {
        uint32_t chunk = pages - done < CHUNK_PAGES ? pages - done : CHUNK_PAGES;
        int failed = copying->file < 0 ? 0 : copy_chunk(copying, first_page + done, chunk);
        if (failed != 0) {
            return failed;
        }
        if (!add_extent(&copying->found, (struct extent){first_page + done, chunk, copying->file_page})) {
            return ENOMEM;
        }
        copying->file_page += chunk;
        done += chunk;
    }
    return 0;
}

static int open_of(int process, const char *name, int *fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", process, name);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? errno : 0;
}

/* What lies behind the place where the pages go is of a scan that failed, and would show where pages of zeros are left out. */
static int open_target(const char *path, uint32_t file_page, int *fd)
{
    if (strcmp(path, "-") == 0) {
        return 0;
    }
    *fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    return *fd < 0 || fchmod(*fd, FILE_MODE) < 0 || ftruncate(*fd, (off_t)(file_page * PAGE_BYTES)) < 0 ? errno : 0;
}

static void close_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void run_scan(struct request *request, char *buffer)
{
    struct copying copying = {.memory = -1, .file = -1, .address = request->scan.address, .file_page = request->file_page, .buffer = buffer};
    request->scan.pagemap = -1;
    int failed = open_of(request->process, "pagemap", &request->scan.pagemap);
    failed = failed != 0 ? failed : open_of(request->process, "mem", &copying.memory);
    failed = failed != 0 ? failed : open_target(request->to, request->file_page, &copying.file);
    failed = failed != 0 ? failed : scan_pages(&request->scan, copy_found, &copying);
    /* Zeros at its end are a hole, too. */
    if (failed == 0 && copying.file >= 0 && ftruncate(copying.file, (off_t)(copying.file_page * PAGE_BYTES)) < 0) {
        failed = errno;
    }
    close_open(request->scan.pagemap);
    close_open(copying.memory);
    close_open(copying.file);
    answer(request->id, failed, copying.pages, copying.file_page, &copying.found);
    free(copying.found.list);
}

static int copy_extent(int from, int to, const struct request *request, const struct extent *extent, char *buffer)
{
    for (uint32_t done = 0; done < extent->pages;) {
        uint32_t chunk = extent->pages - done < CHUNK_PAGES ? extent->pages - done : CHUNK_PAGES;
        off_t source = (off_t)(request->base_from + (extent->file_page + (uint64_t)done) * PAGE_BYTES);
        off_t target = (off_t)(request->base + (extent->first_page + (uint64_t)done) * PAGE_BYTES);
        int failed = read_fully(from, buffer, chunk * PAGE_BYTES, source);
        if (failed == 0) {
            failed = request->sparse ? write_sparse(to, buffer, chunk, target) : write_fully(to, buffer, chunk * PAGE_BYTES, target);
        }
        if (failed != 0) {
            return failed;
        }
        done += chunk;
    }
    return 0;
}

static void run_copy(struct request *request, char *buffer)
{
    int from = open(request->from, O_RDONLY | O_CLOEXEC);
    int to = from < 0 ? -1 : open(request->to, O_WRONLY | O_CLOEXEC);
    int failed = to < 0 ? errno : 0;
    uint64_t pages = 0;
    for (size_t i = 0; i < request->extents.count && failed == 0; i++) {
        failed = copy_extent(from, to, request, &request->extents.list[i], buffer);
        pages += request->extents.list[i].pages;
    }
    close_open(from);
    close_open(to);
    answer(request->id, failed, pages, 0, &(struct extents){0});
}

static void *work(void *argument)
{
    struct request *request = argument;
    char *buffer = malloc(CHUNK_PAGES * PAGE_BYTES);
    if (buffer == NULL) {
        answer(request->id, ENOMEM, 0, 0, &(struct extents){0});
    } else if (request->is_scan) {
        run_scan(request, buffer);
    } else {
        run_copy(request, buffer);
    }
    free(buffer);
    free(request->extents.list);
    free(request);
    return NULL;
}

/* Of what is none, a part or nothing would be looked through, and the rest pass for unwritten. */
static bool is_memory(uint64_t address, uint64_t bytes)
{
    bool is_whole = address % PAGE_BYTES == 0 && bytes % PAGE_BYTES == 0;
    return is_whole && bytes / PAGE_BYTES <= MAX_MEMORY_PAGES && address <= UINT64_MAX - bytes;
}

static bool parse_scan(struct request *request)
{
    int wanted;
    int protect;
    int path = 0;
    int fields = sscanf(request->line, "scan %u %d %lu %lu %d %d %u %n", &request->id, &request->process, &request->scan.address,
        &request->scan.bytes, &wanted, &protect, &request->file_page, &path);
    request->is_scan = true;
    request->scan.wanted = (enum pages_wanted)wanted;
    request->scan.protect = protect != 0;
    request->to = request->line + path;
    bool is_known = fields == 7 && path > 0 && wanted >= WRITTEN && wanted <= PRIVATE_BY_ENTRY;
    return is_known && is_memory(request->scan.address, request->scan.bytes);
}

static bool parse_copy(struct request *request)
{
    unsigned count;
    int sparse;
    int path = 0;
    int fields = sscanf(request->line, "copy %u %lu %lu %d %u %n", &request->id, &request->base_from, &request->base, &sparse, &count, &path);
    char *tab = strchr(request->line + path, '\t');
    if (fields != 5 || path == 0 || tab == NULL || count > MAX_EXTENTS) {
        return false;
    }
    *tab = '\0';
    request->sparse = sparse != 0;
    request->from = request->line + path;
    request->to = tab + 1;
    request->extents.list = calloc(count + 1u, sizeof *request->extents.list);
    request->extents.count = request->extents.list == NULL ? 0 : count;
    return request->extents.list != NULL && fread(request->extents.list, sizeof *request->extents.list, count, stdin) == count;
}

/* A request that cannot be understood ends the process: what follows it cannot be, either. */
static bool take_request(void)
{
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL || fgets(request->line, sizeof request->line, stdin) == NULL) {
        return false;
    }
    char *end = strchr(request->line, '\n');
    if (end == NULL) {
        return false;
    }
    *end = '\0';
    bool is_known = strncmp(request->line, "scan ", 5) == 0 ? parse_scan(request) : parse_copy(request);
    pthread_t thread;
    return is_known && pthread_create(&thread, NULL, work, request) == 0 && pthread_detach(thread) == 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--probe") == 0) {
        return probe();
    }
    while (take_request()) {
    }
    /* What is under way is nobody's any more. */
    _exit(0);
}
