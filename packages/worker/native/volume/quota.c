#include "quota.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "attachment.h"
#include "beneath.h"

enum {
    ACCOUNT_BYTES = 4096,
    /* Folders inside of each other; each holds a descriptor and some of the stack while it is counted. */
    MAX_WALK_DEPTH = 256,
    WALK_BYTES = 4096,
};

#define ACCOUNT_MARKER 0x31544E4343415646u /* FVACCNT1 */
/* Who writes at the limit has all counted anew no more often than this. */
#define RECOUNT_NANOSECONDS 1000000000u

struct account {
    uint64_t marker;
    _Atomic uint64_t used;
    _Atomic uint64_t free_bytes;
    _Atomic uint64_t counted_at;
    _Atomic uint32_t has_begun;
};

struct entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

int quota_open(struct attachment *attachment, int account_fd, uint64_t quota)
{
    struct account *account = MAP_FAILED;
    struct stat found;
    if (fstat(account_fd, &found) == 0 && found.st_size >= ACCOUNT_BYTES) {
        account = mmap(NULL, ACCOUNT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, account_fd, 0);
    } else {
        errno = EINVAL;
    }
    if (account == MAP_FAILED) {
        return errno;
    }
    flock(account_fd, LOCK_EX);
    if (account->marker == 0) {
        account->marker = ACCOUNT_MARKER;
    }
    bool is_one = account->marker == ACCOUNT_MARKER;
    flock(account_fd, LOCK_UN);
    if (!is_one) {
        munmap(account, ACCOUNT_BYTES);
        return EINVAL;
    }
    attachment->account = account;
    attachment->account_fd = account_fd;
    attachment->quota = quota;
    return 0;
}

void quota_close(struct attachment *attachment)
{
    if (attachment->account != NULL) {
        munmap(attachment->account, ACCOUNT_BYTES);
        attachment->account = NULL;
    }
    if (attachment->account_fd >= 0) {
        close(attachment->account_fd);
        attachment->account_fd = -1;
    }
}

static int count_folder(int folder, int depth, uint64_t *bytes);

static int count_entry(int folder, const char *name, int depth, uint64_t *bytes)
{
    struct statx found;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || stat_beneath(folder, name, &found) < 0) {
        return 0; /* Gone meanwhile. */
    }
    if (S_ISREG(found.stx_mode)) {
        /* Once for all its names together. */
        *bytes += found.stx_size / (found.stx_nlink == 0 ? 1 : found.stx_nlink);
        return 0;
    }
    if (!S_ISDIR(found.stx_mode)) {
        return 0;
    }
    int fd = open_beneath(folder, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    }
    int error = count_folder(fd, depth + 1, bytes);
    close(fd);
    return error;
}

static int count_folder(int folder, int depth, uint64_t *bytes)
{
    uint8_t *buffer = depth > MAX_WALK_DEPTH ? NULL : malloc(WALK_BYTES);
    int error = buffer != NULL ? 0 : depth > MAX_WALK_DEPTH ? ELOOP : ENOMEM;
    long length = 0;
    while (error == 0 && (length = syscall(SYS_getdents64, folder, buffer, WALK_BYTES)) > 0) {
        for (long at = 0; error == 0 && at < length;) {
            const struct entry *entry = (const struct entry *)(buffer + at);
            error = count_entry(folder, entry->name, depth, bytes);
            at += entry->length;
        }
    }
    free(buffer);
    return error != 0 ? error : length < 0 ? errno : 0;
}

static int count(struct attachment *attachment, uint64_t *bytes)
{
    const struct node *root = node_at(&attachment->nodes, ROOT_NODE);
    struct statx found;
    *bytes = 0;
    if (root->identity.type == S_IFREG) {
        int failed = stat_descriptor(root->fd, &found);
        *bytes = failed < 0 ? 0 : found.stx_size;
        return failed < 0 ? errno : 0;
    }
    int fd = open_again(root->fd, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return errno;
    }
    int error = count_folder(fd, 0, bytes);
    close(fd);
    return error;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int quota_begin(struct attachment *attachment)
{
    struct account *account = attachment->account;
    if (account == NULL || atomic_load(&account->has_begun)) {
        return 0;
    }
    int error = 0;
    flock(attachment->account_fd, LOCK_EX);
    if (!atomic_load(&account->has_begun)) {
        uint64_t bytes;
        error = count(attachment, &bytes);
        if (error == 0) {
            atomic_store(&account->free_bytes, bytes);
            atomic_store(&account->has_begun, 1);
        }
    }
    flock(attachment->account_fd, LOCK_UN);
    return error;
}

static bool try_charge(struct attachment *attachment, uint64_t bytes)
{
    _Atomic uint64_t *used = &attachment->account->used;
    uint64_t before = atomic_load(used);
    do {
        if (bytes > attachment->quota || before > attachment->quota - bytes) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(used, &before, before + bytes));
    return true;
}

/* While nobody else is between a charge and the write that it is for, which would not be counted. */
static void recount(struct attachment *attachment)
{
    struct account *account = attachment->account;
    uint64_t last = atomic_load(&account->counted_at);
    uint64_t time = now();
    if (time - last < RECOUNT_NANOSECONDS && time >= last && last != 0) {
        return;
    }
    atomic_store(&account->counted_at, time);
    uint64_t before = atomic_load(&account->used);
    uint64_t bytes;
    if (count(attachment, &bytes) != 0) {
        return;
    }
    uint64_t free_bytes = atomic_load(&account->free_bytes);
    uint64_t really = bytes > free_bytes ? bytes - free_bytes : 0;
    if (really < before) {
        atomic_fetch_sub(&account->used, before - really);
    }
}

static void hold(struct attachment *attachment, int how)
{
    while (flock(attachment->account_fd, how) < 0 && errno == EINTR) {
    }
    attachment->holds_account = true;
}

int quota_charge(struct attachment *attachment, uint64_t bytes)
{
    if (attachment->account == NULL || bytes == 0) {
        return 0;
    }
    hold(attachment, LOCK_SH);
    if (try_charge(attachment, bytes)) {
        return 0;
    }
    /* And on until the write is done: from exclusive to shared another could get between. */
    hold(attachment, LOCK_EX);
    recount(attachment);
    return try_charge(attachment, bytes) ? 0 : ENOSPC;
}

void quota_done(struct attachment *attachment)
{
    if (attachment->holds_account) {
        flock(attachment->account_fd, LOCK_UN);
        attachment->holds_account = false;
    }
}

int quota_charge_growth(struct attachment *attachment, int fd, uint64_t end)
{
    struct stat found;
    if (attachment->account == NULL) {
        return 0;
    }
    int error = quota_begin(attachment);
    if (error != 0) {
        return error;
    }
    if (fstat(fd, &found) < 0) {
        return errno;
    }
    return end > (uint64_t)found.st_size ? quota_charge(attachment, end - (uint64_t)found.st_size) : 0;
}

uint64_t quota_used(const struct attachment *attachment)
{
    return attachment->account == NULL ? 0 : atomic_load(&attachment->account->used);
}
