/* What the kernel asks, and how it is answered: each returns an error number that is yet to be said, or 0 when it has answered. */
#ifndef REQUEST_H
#define REQUEST_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>

#include "names.h"

enum {
    MAX_DATA_BYTES = 1024 * 1024,
    /* Names and attributes change by the kernel alone. */
    VALID_SEC = 1,
};

struct request {
    int device, home;
    const struct fuse_in_header *header;
    struct inode *inode;
    const char *body;
    size_t bytes;
};

/* Room for what is answered. */
extern char answer[MAX_DATA_BYTES];

void reply(const struct request *request, int error, const void *data, size_t bytes);
struct inode *node(uint64_t number);

/* attributes.c */
int reply_entry(const struct request *request, struct inode *inode);
int reply_attributes(const struct request *request);
int do_statx(const struct request *request);
int do_setattr(const struct request *request);

/* folders.c */
int do_lookup(const struct request *request);
int do_mknod(const struct request *request);
int do_mkdir(const struct request *request);
int do_symlink(const struct request *request);
int do_readlink(const struct request *request);
int do_link(const struct request *request);
int remove_name(const struct request *request, bool is_folder);
int move(const struct request *request, uint64_t to, uint32_t flags, const char *name);
int do_readdir(const struct request *request);

/* data.c */
int do_read(const struct request *request);
int do_write(const struct request *request);
int do_fallocate(const struct request *request);
int do_lseek(const struct request *request);
int do_fsync(const struct request *request);
int do_statfs(const struct request *request);

#endif
