/*
 * Which of this machine's pages are free, told to a host that captures it and leaves them out; and before that the dropping of caches, which frees most.
 *
 * Whoever leaves a free page out changes what is in it. Linux takes the content of a free page for unknown, unless it was told to erase or mark what it frees
 * and to rely on that: then neither is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link/protocol.h"
#include "verbs.h"

/* A page of a free block, and nothing else: KPF_BUDDY of <linux/kernel-page-flags.h>. */
#define FREE (1ull << 10)

enum {
    /* Of one look: 128 MiB of memory. */
    LOOK_PAGES = 32768,
    /* Crumbs cost the host more than they take: each cuts an extent of the captured memory in two. */
    MIN_RUN_PAGES = 8,
    /* 2 MiB of them; the host takes no more. */
    MAX_RUNS = 262144,
    RUNS_PER_FIELD = 1024,
    MAX_PARAMETERS_BYTES = 4096,
};

struct run {
    uint32_t first;
    uint32_t pages;
};

struct runs {
    int out;
    struct run found[RUNS_PER_FIELD];
    size_t count;
    size_t told;
    struct run last;
};

static bool is_off(const char *value)
{
    return value[0] == '0' || value[0] == 'n' || value[0] == 'N' || strncmp(value, "off", 3) == 0;
}

bool knows_free_pages(const char *parameters)
{
    static const char *const NAMES[] = {"init_on_free=", "page_poison=", "debug_pagealloc="};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        for (const char *at = parameters; (at = strstr(at, NAMES[i])) != NULL; at += strlen(NAMES[i])) {
            if (!is_off(at + strlen(NAMES[i]))) {
                return true;
            }
        }
    }
    return false;
}

/* 0 or an errno. */
static int check_kernel(void)
{
    char parameters[MAX_PARAMETERS_BYTES + 1];
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, parameters, MAX_PARAMETERS_BYTES);
    int error = length < 0 ? errno : 0;
    if (fd >= 0) {
        close(fd);
    }
    if (error != 0) {
        return error;
    }
    parameters[length] = 0;
    return knows_free_pages(parameters) ? ENOTSUP : 0;
}

int verb_drop_caches(const struct verb_request *request)
{
    int error = check_kernel();
    if (error != 0) {
        return error;
    }
    /* Only what is clean can be dropped. */
    sync();
    int fd = open(request->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    /* 3: pages, and what is known of names and files. */
    error = write(fd, "3\n", 2) < 0 ? errno : 0;
    close(fd);
    return error;
}

static int tell(struct runs *runs)
{
    if (runs->count == 0) {
        return 0;
    }
    int error = field_write(runs->out, TAG_FREE_RUNS, runs->found, runs->count * sizeof runs->found[0]);
    runs->told += runs->count;
    runs->count = 0;
    return error;
}

static int end_run(struct runs *runs)
{
    struct run last = runs->last;
    runs->last.pages = 0;
    if (last.pages < MIN_RUN_PAGES || runs->told + runs->count >= MAX_RUNS) {
        return 0;
    }
    runs->found[runs->count++] = last;
    return runs->count == RUNS_PER_FIELD ? tell(runs) : 0;
}

/* Whole entries that were read; 0 where there are no more pages, negative errno. */
static ssize_t look(int fd, uint64_t *flags, uint64_t first)
{
    ssize_t bytes = pread(fd, flags, LOOK_PAGES * sizeof *flags, (off_t)(first * sizeof *flags));
    return bytes < 0 ? -errno : bytes / (ssize_t)sizeof *flags;
}

/*
 * The kernel looks at a page without holding it still, so that one which is just changing hands may seem free for once. What seems free twice was so at some
 * time between the host's question and our answer, which is all that the host needs to know: whatever was written since, it knows itself.
 */
static int look_twice(int fd, struct runs *runs, uint64_t *once, uint64_t *again)
{
    for (uint64_t first = 0;;) {
        ssize_t seen = look(fd, once, first);
        ssize_t seen_again = seen > 0 ? look(fd, again, first) : seen;
        if (seen_again < 0) {
            return (int)-seen_again;
        }
        if (seen_again == 0 || first > UINT32_MAX) {
            return end_run(runs);
        }
        for (ssize_t i = 0; i < seen_again; i++) {
            if (i < seen && once[i] == FREE && again[i] == FREE) {
                runs->last.first = runs->last.pages == 0 ? (uint32_t)(first + (uint64_t)i) : runs->last.first;
                runs->last.pages++;
                continue;
            }
            int error = end_run(runs);
            if (error != 0) {
                return error;
            }
        }
        first += (uint64_t)seen_again;
    }
}

int verb_free_pages(const struct verb_request *request, int out)
{
    int error = check_kernel();
    if (error != 0) {
        return error;
    }
    int fd = open(request->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    struct runs *runs = calloc(1, sizeof *runs);
    uint64_t *flags = calloc(2 * (size_t)LOOK_PAGES, sizeof *flags);
    if (runs == NULL || flags == NULL) {
        error = ENOMEM;
    } else {
        runs->out = out;
        error = look_twice(fd, runs, flags, flags + LOOK_PAGES);
        error = error != 0 ? error : tell(runs);
    }
    free(runs);
    free(flags);
    close(fd);
    return error;
}
