/* Which operation a message asks for, and what has to be true before it is begun. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "operations.h"
#include "quota.h"
#include "room.h"
#include "server.h"

enum what { OTHER, READS, WRITES, LOCKS };

struct operation {
    int (*run)(struct request *request);
    /* It works with the node's descriptor. */
    bool needs_descriptor;
    enum what counts_as;
    /* It leaves a name, or what is kept beside one. */
    bool adds;
};

static const struct operation OPERATIONS[] = {
    [FUSE_LOOKUP] = {do_lookup, true, OTHER},
    [FUSE_GETATTR] = {do_getattr, true, OTHER},
    [FUSE_SETATTR] = {do_setattr, true, OTHER},
    [FUSE_READLINK] = {do_readlink, true, OTHER},
    [FUSE_SYMLINK] = {do_symlink, true, OTHER, true},
    [FUSE_MKNOD] = {do_mknod, true, OTHER, true},
    [FUSE_MKDIR] = {do_mkdir, true, OTHER, true},
    [FUSE_UNLINK] = {do_unlink, true, OTHER},
    [FUSE_RMDIR] = {do_rmdir, true, OTHER},
    [FUSE_RENAME] = {do_rename, true, OTHER},
    [FUSE_RENAME2] = {do_rename2, true, OTHER},
    [FUSE_LINK] = {do_link, true, OTHER, true},
    [FUSE_OPEN] = {do_open, false, OTHER},
    [FUSE_READ] = {do_read, false, READS},
    [FUSE_WRITE] = {do_write, false, WRITES},
    [FUSE_STATFS] = {do_statfs, true, OTHER},
    [FUSE_RELEASE] = {do_release, false, OTHER},
    [FUSE_FSYNC] = {do_fsync, false, OTHER},
    [FUSE_SETXATTR] = {do_setxattr, true, OTHER, true},
    [FUSE_GETXATTR] = {do_getxattr, true, OTHER},
    [FUSE_LISTXATTR] = {do_listxattr, true, OTHER},
    [FUSE_REMOVEXATTR] = {do_removexattr, true, OTHER},
    [FUSE_FLUSH] = {do_flush, false, OTHER},
    [FUSE_OPENDIR] = {do_opendir, true, OTHER},
    [FUSE_READDIR] = {do_readdir, true, OTHER},
    [FUSE_READDIRPLUS] = {do_readdirplus, true, OTHER},
    [FUSE_RELEASEDIR] = {do_releasedir, false, OTHER},
    [FUSE_FSYNCDIR] = {do_fsyncdir, false, OTHER},
    [FUSE_GETLK] = {do_getlk, false, LOCKS},
    [FUSE_SETLK] = {do_setlk, false, LOCKS},
    [FUSE_SETLKW] = {do_setlkw, false, LOCKS},
    [FUSE_CREATE] = {do_create, true, OTHER},
    [FUSE_FALLOCATE] = {do_fallocate, false, OTHER},
    [FUSE_LSEEK] = {do_lseek, false, OTHER},
    [FUSE_COPY_FILE_RANGE] = {do_copy_file_range, false, OTHER},
};

enum { OPERATION_COUNT = sizeof OPERATIONS / sizeof OPERATIONS[0], LEAST_MINOR = 31, READAHEAD_BYTES = 1024 * 1024 };

#define WANTED_FLAGS                                                                                                              \
    (FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_DO_READDIRPLUS |        \
     FUSE_READDIRPLUS_AUTO | FUSE_AUTO_INVAL_DATA | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES | FUSE_HANDLE_KILLPRIV_V2)

static int do_init(struct request *request)
{
    struct fuse_init_in in = {.major = 0};
    size_t bytes = request->left < sizeof in ? request->left : sizeof in;
    take_bytes(request, &in, bytes);
    if (in.major != FUSE_KERNEL_VERSION || in.minor < LEAST_MINOR) {
        return EPROTO;
    }
    request->server->ledger.is_due = true;
    request->attachment->minor = in.minor < FUSE_KERNEL_MINOR_VERSION ? in.minor : FUSE_KERNEL_MINOR_VERSION;
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION,
        .minor = FUSE_KERNEL_MINOR_VERSION,
        .max_readahead = in.max_readahead < READAHEAD_BYTES ? in.max_readahead : READAHEAD_BYTES,
        .flags = in.flags & WANTED_FLAGS,
        .max_background = 64,
        .congestion_threshold = 48,
        .max_write = MAX_DATA_BYTES,
        .time_gran = 1,
        .max_pages = MAX_DATA_BYTES / 4096,
    };
    reply(request, &out, sizeof out);
    return 0;
}

/* Neither has an answer. */
static void forget(struct request *request)
{
    struct nodes *nodes = &request->attachment->nodes;
    struct fuse_forget_in one;
    struct fuse_batch_forget_in batch;
    if (request->in.opcode == FUSE_FORGET) {
        uint32_t node = node_index(nodes, request->in.nodeid);
        if (TAKE(request, one) && node != NO_NODE) {
            node_forget(nodes, node, one.nlookup);
        }
        return;
    }
    if (!TAKE(request, batch)) {
        return;
    }
    struct fuse_forget_one each;
    for (uint32_t i = 0; i < batch.count && TAKE(request, each); i++) {
        uint32_t node = node_index(nodes, each.nodeid);
        if (node != NO_NODE) {
            node_forget(nodes, node, each.nlookup);
        }
    }
}

static void interrupt(struct request *request)
{
    struct fuse_interrupt_in in;
    if (TAKE(request, in)) {
        waiting_interrupt(request->server, request->attachment->channel, in.unique);
    }
}

static int run(struct request *request)
{
    uint32_t opcode = request->in.opcode;
    struct attachment *attachment = request->attachment;
    if (opcode == FUSE_INIT) {
        return do_init(request);
    }
    if (opcode == FUSE_DESTROY) {
        reply_error(request, 0);
        return 0;
    }
    if (opcode >= OPERATION_COUNT || OPERATIONS[opcode].run == NULL) {
        request->server->unknown_messages++;
        return ENOSYS;
    }
    if (!attachment->has_root || attachment->minor == 0) {
        return EIO;
    }
    request->fd = -1;
    request->node = node_index(&attachment->nodes, request->in.nodeid);
    if (request->node == NO_NODE) {
        return ESTALE;
    }
    if (OPERATIONS[opcode].needs_descriptor) {
        request->fd = node_descriptor(&attachment->nodes, request->node);
        if (request->fd < 0) {
            return errno;
        }
    }
    int error = OPERATIONS[opcode].adds && !attachment->readonly ? room_for(attachment, ENTRY_BYTES) : 0;
    error = error != 0 ? error : OPERATIONS[opcode].run(request);
    /* The kernel of the guest leaves it to us how long names may be. */
    return error == EINVAL && request->has_long_name ? ENAMETOOLONG : error;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void count(struct counters *counters, uint32_t opcode, uint64_t nanoseconds)
{
    enum what what = opcode < OPERATION_COUNT ? OPERATIONS[opcode].counts_as : OTHER;
    counters->reads += what == READS;
    counters->writes += what == WRITES;
    counters->locks += what == LOCKS;
    counters->others += what == OTHER;
    counters->nanoseconds += nanoseconds;
    counters->worst_nanoseconds = nanoseconds > counters->worst_nanoseconds ? nanoseconds : counters->worst_nanoseconds;
}

/* For mounts whose attachment was taken away. */
static void refuse(struct server *server, uint16_t channel, const struct fuse_in_header *in)
{
    struct fuse_out_header out = {.len = sizeof out, .error = -EIO, .unique = in->unique};
    bool has_answer = in->opcode != FUSE_FORGET && in->opcode != FUSE_BATCH_FORGET && in->opcode != FUSE_INTERRUPT;
    if (has_answer) {
        port_answer(server, channel, &out, NULL);
    }
}

void server_do(struct server *server, uint16_t channel, const uint8_t *message, size_t length)
{
    struct request request = {.server = server, .next = message, .left = length};
    server->port.message = message;
    server->port.message_length = length;
    if (!TAKE(&request, request.in) || request.in.len != length) {
        server->unknown_messages++;
        return;
    }
    request.attachment = server_attachment(server, channel);
    if (request.attachment == NULL) {
        refuse(server, channel, &request.in);
        return;
    }
    uint64_t begun = now();
    if (request.in.opcode == FUSE_FORGET || request.in.opcode == FUSE_BATCH_FORGET) {
        forget(&request);
    } else if (request.in.opcode == FUSE_INTERRUPT) {
        interrupt(&request);
    } else {
        int error = run(&request);
        if (error != 0) {
            reply_error(&request, error);
        }
    }
    quota_done(request.attachment);
    nodes_trim(&request.attachment->nodes);
    count(&request.attachment->counters, request.in.opcode, now() - begun);
}
