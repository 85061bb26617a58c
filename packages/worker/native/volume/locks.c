#include "locks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "attachment.h"
#include "beneath.h"
#include "limits.h"

static struct lock *find(const struct node *node, uint64_t owner, bool is_whole)
{
    struct lock *lock = node->locks;
    while (lock != NULL && (lock->owner != owner || lock->is_whole != is_whole)) {
        lock = lock->next;
    }
    return lock;
}

/* For both kinds of locks where the host lets us write, else for those that readers may have. */
static int open_description(struct attachment *attachment, uint32_t node)
{
    int fd = node_descriptor(&attachment->nodes, node);
    uint32_t type = node_at(&attachment->nodes, node)->identity.type;
    if (fd < 0) {
        return -1;
    }
    if (type != S_IFREG && type != S_IFDIR) {
        errno = EBADF;
        return -1;
    }
    int own = type == S_IFDIR || attachment->readonly ? -1 : open_again(fd, O_RDWR);
    return own >= 0 ? own : open_again(fd, O_RDONLY);
}

static struct lock *add(struct attachment *attachment, uint32_t index, const struct lock_request *request)
{
    if (attachment->lock_count >= MAX_LOCKS) {
        errno = ENOLCK;
        return NULL;
    }
    struct lock *lock = calloc(1, sizeof *lock);
    int fd = lock == NULL ? -1 : open_description(attachment, index);
    if (fd < 0) {
        int error = lock == NULL ? ENOMEM : errno;
        free(lock);
        errno = error;
        return NULL;
    }
    struct node *node = node_at(&attachment->nodes, index);
    *lock = (struct lock){.next = node->locks, .owner = request->owner, .is_whole = request->is_whole, .fd = fd};
    node->locks = lock;
    attachment->lock_count++;
    node_hold(&attachment->nodes, index);
    return lock;
}

static void drop(struct attachment *attachment, uint32_t index, struct lock *lock)
{
    changed(&attachment->nodes.changes, index);
    struct lock **next = &node_at(&attachment->nodes, index)->locks;
    while (*next != lock) {
        next = &(*next)->next;
    }
    *next = lock->next;
    if (lock->fd >= 0) {
        close(lock->fd);
    }
    free(lock->ranges);
    free(lock);
    attachment->lock_count--;
    node_release(&attachment->nodes, index);
}

static struct flock to_host(const struct range *range)
{
    bool is_open_ended = range->end >= INT64_MAX;
    return (struct flock){.l_type = (short)range->type,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)range->start,
                          .l_len = is_open_ended ? 0 : (off_t)(range->end - range->start + 1)};
}

static int apply(int fd, bool is_whole, const struct range *range)
{
    if (is_whole) {
        int operation = range->type == F_UNLCK ? LOCK_UN : range->type == F_WRLCK ? LOCK_EX : LOCK_SH;
        int failed = flock(fd, operation | LOCK_NB);
        return failed < 0 ? (errno == EWOULDBLOCK ? EAGAIN : errno) : 0;
    }
    struct flock host = to_host(range);
    int failed = fcntl(fd, F_OFD_SETLK, &host);
    return failed < 0 ? (errno == EACCES ? EAGAIN : errno) : 0;
}

/* Out of the midst of a range two are left. */
static bool is_split(const struct lock *lock, const struct range *taken)
{
    for (size_t i = 0; i < lock->count; i++) {
        if (lock->ranges[i].start < taken->start && lock->ranges[i].end > taken->end) {
            return true;
        }
    }
    return false;
}

/* One of another kind in the midst of a range makes two more. Whoever has as many as may be can still give back. */
static bool is_too_many(const struct lock *lock, const struct range *range)
{
    bool gives_back = range->type == F_UNLCK && !is_split(lock, range);
    return !gives_back && lock->count + 2 > MAX_RANGES;
}

static bool is_sound(const struct range *range)
{
    bool has_type = range->type == F_RDLCK || range->type == F_WRLCK || range->type == F_UNLCK;
    return has_type && range->start <= INT64_MAX && range->start <= range->end;
}

int lock_set(struct attachment *attachment, uint32_t node, const struct lock_request *request)
{
    changed(&attachment->nodes.changes, node);
    if (!is_sound(&request->range)) {
        return EINVAL;
    }
    struct lock *lock = find(node_at(&attachment->nodes, node), request->owner, request->is_whole);
    if (lock == NULL && request->range.type == F_UNLCK) {
        return 0;
    }
    if (lock == NULL) {
        lock = add(attachment, node, request);
        if (lock == NULL) {
            return errno;
        }
    }
    int error = is_too_many(lock, &request->range) ? ENOLCK : apply(lock->fd, lock->is_whole, &request->range);
    if (error == EAGAIN && lock->is_whole) {
        lock->count = 0; /* Who asks for the other kind and is refused has lost the one that he had: flock(2). */
    }
    if (error == 0 && !ranges_set(&lock->ranges, &lock->count, &request->range)) {
        error = ENOLCK; /* The host has it; what an owner has too much goes with its file. */
    }
    if (error == 0) {
        lock->handle = request->handle;
        lock->process = request->process;
    }
    if (lock->count == 0) {
        drop(attachment, node, lock);
    }
    return error;
}

static bool is_in_way(const struct range *held, const struct range *asked)
{
    return (held->type == F_WRLCK || asked->type == F_WRLCK) && held->start <= asked->end && asked->start <= held->end;
}

/* Of an owner in this VM we know the process as well. */
static bool find_in_way(const struct node *node, struct lock_request *request)
{
    for (const struct lock *lock = node->locks; lock != NULL; lock = lock->next) {
        for (size_t i = 0; i < lock->count && lock->owner != request->owner && !lock->is_whole; i++) {
            if (is_in_way(&lock->ranges[i], &request->range)) {
                request->range = lock->ranges[i];
                request->process = lock->process;
                return true;
            }
        }
    }
    return false;
}

int lock_get(struct attachment *attachment, uint32_t index, struct lock_request *request)
{
    if (!is_sound(&request->range)) {
        return EINVAL;
    }
    const struct node *node = node_at(&attachment->nodes, index);
    if (find_in_way(node, request)) {
        return 0;
    }
    const struct lock *lock = find(node, request->owner, false);
    int fd = lock != NULL ? lock->fd : open_description(attachment, index);
    if (fd < 0) {
        return errno;
    }
    struct flock host = to_host(&request->range);
    int error = fcntl(fd, F_OFD_GETLK, &host) < 0 ? errno : 0;
    if (lock == NULL) {
        close(fd);
    }
    request->process = 0;
    request->range.type = (uint32_t)host.l_type;
    if (error == 0 && host.l_type != F_UNLCK) {
        request->range.start = (uint64_t)host.l_start;
        request->range.end = host.l_len == 0 ? INT64_MAX : (uint64_t)(host.l_start + host.l_len - 1);
    }
    return error;
}

bool lock_drop_owner(struct attachment *attachment, uint32_t node, uint64_t owner, bool is_whole)
{
    struct lock *lock = find(node_at(&attachment->nodes, node), owner, is_whole);
    if (lock != NULL) {
        drop(attachment, node, lock);
    }
    return lock != NULL;
}

bool lock_drop_handle(struct attachment *attachment, uint32_t node, uint64_t handle)
{
    bool dropped = false;
    struct lock *next;
    for (struct lock *lock = node_at(&attachment->nodes, node)->locks; lock != NULL; lock = next) {
        next = lock->next;
        if (lock->handle == handle) {
            drop(attachment, node, lock);
            dropped = true;
        }
    }
    return dropped;
}

void lock_drop_all(struct attachment *attachment, uint32_t node)
{
    while (node_at(&attachment->nodes, node)->lost != NULL) {
        lock_found(attachment, node, node_at(&attachment->nodes, node)->lost->owner);
    }
    while (node_at(&attachment->nodes, node)->locks != NULL) {
        drop(attachment, node, node_at(&attachment->nodes, node)->locks);
    }
}

bool lock_lose(struct attachment *attachment, uint32_t index, uint64_t owner)
{
    struct node *node = node_at(&attachment->nodes, index);
    if (lock_is_lost(attachment, index, owner)) {
        return true;
    }
    struct lost_owner *lost = attachment->lost_count >= MAX_LOCKS ? NULL : malloc(sizeof *lost);
    if (lost == NULL) {
        return false;
    }
    *lost = (struct lost_owner){node->lost, owner};
    node->lost = lost;
    attachment->lost_count++;
    node_hold(&attachment->nodes, index);
    return true;
}

bool lock_is_lost(const struct attachment *attachment, uint32_t node, uint64_t owner)
{
    const struct lost_owner *lost = node_at(&attachment->nodes, node)->lost;
    while (lost != NULL && lost->owner != owner) {
        lost = lost->next;
    }
    return lost != NULL;
}

void lock_found(struct attachment *attachment, uint32_t index, uint64_t owner)
{
    changed(&attachment->nodes.changes, index);
    struct lost_owner **next = &node_at(&attachment->nodes, index)->lost;
    while (*next != NULL && (*next)->owner != owner) {
        next = &(*next)->next;
    }
    struct lost_owner *lost = *next;
    if (lost != NULL) {
        *next = lost->next;
        free(lost);
        attachment->lost_count--;
        node_release(&attachment->nodes, index);
    }
}

bool lock_is_held(const struct attachment *attachment, uint32_t node, uint64_t handle)
{
    for (const struct lock *lock = node_at(&attachment->nodes, node)->locks; lock != NULL; lock = lock->next) {
        if (lock->handle == handle && lock->count > 0) {
            return true;
        }
    }
    return false;
}

int lock_take_again(struct attachment *attachment, uint32_t node, struct lock *lock)
{
    lock->fd = open_description(attachment, node);
    int error = lock->fd < 0 ? errno : 0;
    for (size_t i = 0; error == 0 && i < lock->count; i++) {
        error = is_sound(&lock->ranges[i]) ? apply(lock->fd, lock->is_whole, &lock->ranges[i]) : EINVAL;
    }
    if (error != 0) {
        drop(attachment, node, lock);
    }
    return error;
}
