/* One request after the other: what is asked is over when it is answered, so a cut comes between two. */
#include "serve.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "request.h"

enum {
    MAX_DATA_PAGES = MAX_DATA_BYTES / 4096,
    /* With room for what stands in front of the data. */
    BUFFER_BYTES = MAX_DATA_BYTES + 8192,
    /* The version of the protocol with times of birth. */
    MINOR = 39,
    STATX = 52,
};

static struct inode *top;
char answer[MAX_DATA_BYTES] __attribute__((aligned(16)));

void reply(const struct request *request, int error, const void *data, size_t bytes)
{
    struct fuse_out_header header = {
        .len = (uint32_t)(sizeof header + bytes), .error = -error, .unique = request->header->unique};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)data, bytes}};
    /* ENOENT: whoever asked is gone. */
    if (writev(request->device, parts, 2) < 0 && errno != ENOENT && errno != ENODEV) {
        abort();
    }
}

struct inode *node(uint64_t number)
{
    return number == FUSE_ROOT_ID ? top : (struct inode *)(uintptr_t)number;
}

static int do_init(const struct request *request)
{
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION,
        .minor = MINOR,
        .max_readahead = MAX_DATA_BYTES,
        .flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_NO_OPEN_SUPPORT | FUSE_NO_OPENDIR_SUPPORT,
        .max_background = 64,
        .congestion_threshold = 48,
        .max_write = MAX_DATA_BYTES,
        .time_gran = 1,
        .max_pages = MAX_DATA_PAGES,
    };
    reply(request, 0, &out, sizeof out);
    return 0;
}

static void forget_batch(const struct request *request)
{
    const struct fuse_batch_forget_in *in = (const void *)request->body;
    const struct fuse_forget_one *ones = (const void *)(in + 1);
    for (uint32_t i = 0; i < in->count; i++) {
        names_forget_lookups(node(ones[i].nodeid), ones[i].nlookup);
    }
}

/* An error number is yet to be said; what was done has been. */
static int answer_to(const struct request *request)
{
    const char *body = request->body;
    switch (request->header->opcode) {
    case FUSE_INIT: return do_init(request);
    case FUSE_LOOKUP: return do_lookup(request);
    case FUSE_GETATTR: return reply_attributes(request);
    case STATX: return do_statx(request);
    case FUSE_SETATTR: return do_setattr(request);
    case FUSE_READLINK: return do_readlink(request);
    case FUSE_SYMLINK: return do_symlink(request);
    case FUSE_MKNOD: return do_mknod(request);
    case FUSE_MKDIR: return do_mkdir(request);
    case FUSE_UNLINK: return remove_name(request, false);
    case FUSE_RMDIR: return remove_name(request, true);
    case FUSE_RENAME:
        return move(request, ((const struct fuse_rename_in *)body)->newdir, 0, body + sizeof(struct fuse_rename_in));
    case FUSE_RENAME2:
        return move(request, ((const struct fuse_rename2_in *)body)->newdir,
                    ((const struct fuse_rename2_in *)body)->flags, body + sizeof(struct fuse_rename2_in));
    case FUSE_LINK: return do_link(request);
    case FUSE_READ: return do_read(request);
    case FUSE_WRITE: return do_write(request);
    case FUSE_FALLOCATE: return do_fallocate(request);
    case FUSE_LSEEK: return do_lseek(request);
    case FUSE_READDIR: return do_readdir(request);
    case FUSE_FSYNC:
    case FUSE_FSYNCDIR: return do_fsync(request);
    case FUSE_STATFS: return do_statfs(request);
    case FUSE_DESTROY: reply(request, 0, NULL, 0); return 0;
    /* Extended attributes, opening, access by others than the kernel, locks of others than the kernel. */
    default: return ENOSYS;
    }
}

/* Needs no answer, and gets none. */
static bool is_notice(const struct request *request)
{
    switch (request->header->opcode) {
    case FUSE_FORGET:
        names_forget_lookups(request->inode, ((const struct fuse_forget_in *)request->body)->nlookup);
        return true;
    case FUSE_BATCH_FORGET: forget_batch(request); return true;
    case FUSE_INTERRUPT: return true;
    default: return false;
    }
}

int serve(int device, int home, struct inode *root, const struct power *power)
{
    static char buffer[BUFFER_BYTES] __attribute__((aligned(16)));
    sigset_t none;
    sigemptyset(&none);
    top = root;
    for (;;) {
        struct pollfd asked = {.fd = device, .events = POLLIN};
        ppoll(&asked, 1, NULL, &none);
        if (power->is_back) {
            return 0;
        }
        ssize_t bytes = read(device, buffer, sizeof buffer);
        if (bytes < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) {
            continue;
        }
        if (bytes < 0) {
            return errno == ENODEV ? 0 : errno;
        }
        const struct fuse_in_header *header = (const void *)buffer;
        struct request request = {
            .device = device,
            .home = home,
            .header = header,
            .inode = node(header->nodeid),
            .body = buffer + sizeof *header,
            .bytes = (size_t)bytes - sizeof *header,
        };
        if (is_notice(&request)) {
            continue;
        }
        bool lives = !power->is_cut || header->opcode == FUSE_INIT || header->opcode == FUSE_DESTROY;
        int error = lives ? answer_to(&request) : EIO;
        if (error != 0) {
            reply(&request, error, NULL, 0);
        }
    }
}
