/* Operations on locks. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "operations.h"
#include "server.h"
#include "waiting.h"

enum { FIRST_PAUSE_NS = 1000000, LAST_PAUSE_NS = 16000000, NS_PER_MS = 1000000 };

static int take_lock(struct request *request, struct lock_request *lock)
{
    struct fuse_lk_in in;
    if (!TAKE(request, in)) {
        return EINVAL;
    }
    bool is_folder = node_at(&request->attachment->nodes, request->node)->identity.type == S_IFDIR;
    struct handle *handle = handle_find(request->attachment, in.fh, request->node, is_folder);
    if (handle == NULL || handle->lost) {
        return handle == NULL ? EBADF : EIO;
    }
    if ((in.lk_flags & FUSE_LK_FLOCK) == 0 && lock_is_lost(request->attachment, request->node, in.owner)) {
        return EIO;
    }
    *lock = (struct lock_request){
        .owner = in.owner,
        .handle = in.fh,
        .process = in.lk.pid,
        .is_whole = (in.lk_flags & FUSE_LK_FLOCK) != 0,
        .range = {.start = in.lk.start, .end = in.lk.end > INT64_MAX ? INT64_MAX : in.lk.end, .type = in.lk.type},
    };
    if (lock->is_whole) {
        lock->range.start = 0;
        lock->range.end = INT64_MAX;
    }
    return 0;
}

int do_getlk(struct request *request)
{
    struct lock_request lock;
    int error = take_lock(request, &lock);
    error = error != 0 ? error : lock_get(request->attachment, request->node, &lock);
    if (error != 0) {
        return error;
    }
    struct fuse_lk_out out = {
        .lk = {.start = lock.range.start, .end = lock.range.end, .type = lock.range.type, .pid = lock.process}};
    reply(request, &out, sizeof out);
    return 0;
}

static int set(struct request *request, struct lock_request *lock)
{
    int error = take_lock(request, lock);
    error = error != 0 ? error : lock_set(request->attachment, request->node, lock);
    if (error == 0) {
        reply_error(request, 0);
        if (lock->range.type != F_WRLCK) {
            waiting_hurry(request->server); /* Also one that was for writing and is for reading now lets others in. */
        }
    }
    return error;
}

int do_setlk(struct request *request)
{
    struct lock_request lock;
    return set(request, &lock);
}

int do_setlkw(struct request *request)
{
    struct lock_request lock;
    int error = set(request, &lock);
    return error == EAGAIN ? waiting_add(request->server, request, &lock) : error;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int waiting_add(struct server *server, const struct request *request, const struct lock_request *lock)
{
    struct waiting *waiting = &server->waiting;
    if (waiting->count == MAX_WAITING || request->in.unique == 0) {
        return ENOLCK;
    }
    size_t place = 0;
    while (waiting->all[place].unique != 0) {
        place++;
    }
    waiting->all[place] = (struct waiter){
        .unique = request->in.unique,
        .channel = request->attachment->channel,
        .node_number = request->in.nodeid,
        .lock = *lock,
        .next_try_ns = now() + FIRST_PAUSE_NS,
        .pause_ns = FIRST_PAUSE_NS,
    };
    waiting->count++;
    waiting->changed = true;
    return 0;
}

static void answer(struct server *server, struct waiter *waiter, int error)
{
    struct request request = {.server = server, .attachment = server_attachment(server, waiter->channel),
                              .in = {.unique = waiter->unique}};
    waiter->unique = 0;
    server->waiting.count--;
    server->waiting.changed = true;
    if (request.attachment != NULL) {
        reply_error(&request, error);
    }
}

void waiting_interrupt(struct server *server, uint16_t channel, uint64_t unique)
{
    for (size_t i = 0; i < MAX_WAITING && unique != 0; i++) {
        struct waiter *waiter = &server->waiting.all[i];
        if (waiter->unique == unique && waiter->channel == channel) {
            answer(server, waiter, EINTR);
            return;
        }
    }
}

void waiting_hurry(struct server *server)
{
    for (size_t i = 0; i < MAX_WAITING && server->waiting.count > 0; i++) {
        server->waiting.all[i].next_try_ns = 0;
        server->waiting.all[i].pause_ns = FIRST_PAUSE_NS;
    }
}

void waiting_drop(struct server *server, uint16_t channel)
{
    for (size_t i = 0; i < MAX_WAITING && server->waiting.count > 0; i++) {
        if (server->waiting.all[i].unique != 0 && server->waiting.all[i].channel == channel) {
            server->waiting.all[i].unique = 0;
            server->waiting.count--;
            server->waiting.changed = true;
        }
    }
}

size_t waiting_of(const struct server *server, uint16_t channel)
{
    size_t count = 0;
    for (size_t i = 0; i < MAX_WAITING; i++) {
        count += server->waiting.all[i].unique != 0 && server->waiting.all[i].channel == channel;
    }
    return count;
}

static int try_one(struct server *server, const struct waiter *waiter)
{
    struct attachment *attachment = server_attachment(server, waiter->channel);
    uint32_t node = attachment == NULL ? NO_NODE : node_index(&attachment->nodes, waiter->node_number);
    return node == NO_NODE ? ESTALE : lock_set(attachment, node, &waiter->lock);
}

int waiting_try(struct server *server)
{
    struct waiting *waiting = &server->waiting;
    uint64_t time = waiting->count > 0 ? now() : 0;
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < MAX_WAITING && waiting->count > 0; i++) {
        struct waiter *waiter = &waiting->all[i];
        if (waiter->unique == 0) {
            continue;
        }
        if (waiter->next_try_ns <= time) {
            int error = try_one(server, waiter);
            if (error != EAGAIN) {
                answer(server, waiter, error);
                continue;
            }
            waiter->next_try_ns = time + waiter->pause_ns;
            waiter->pause_ns = waiter->pause_ns * 2 > LAST_PAUSE_NS ? LAST_PAUSE_NS : waiter->pause_ns * 2;
        }
        next = waiter->next_try_ns < next ? waiter->next_try_ns : next;
    }
    return next == UINT64_MAX ? -1 : next <= time ? 0 : (int)((next - time) / NS_PER_MS) + 1;
}
