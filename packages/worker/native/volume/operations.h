/* What is done for each kind of message. Each returns 0 when it has answered, or an errno that is answered for it. */
#ifndef VOLUME_OPERATIONS_H
#define VOLUME_OPERATIONS_H

#include "request.h"

int do_lookup(struct request *request);
int do_mkdir(struct request *request);
int do_mknod(struct request *request);
int do_symlink(struct request *request);
int do_link(struct request *request);
int do_create(struct request *request);
int do_unlink(struct request *request);
int do_rmdir(struct request *request);
int do_rename(struct request *request);
int do_rename2(struct request *request);
int do_readlink(struct request *request);

int do_getattr(struct request *request);
int do_setattr(struct request *request);
int do_statfs(struct request *request);

int do_open(struct request *request);
int do_release(struct request *request);
int do_read(struct request *request);
int do_write(struct request *request);
int do_flush(struct request *request);
int do_fsync(struct request *request);
int do_fallocate(struct request *request);
int do_lseek(struct request *request);
int do_copy_file_range(struct request *request);

int do_opendir(struct request *request);
int do_releasedir(struct request *request);
int do_readdir(struct request *request);
int do_readdirplus(struct request *request);
int do_fsyncdir(struct request *request);

int do_setxattr(struct request *request);
int do_getxattr(struct request *request);
int do_listxattr(struct request *request);
int do_removexattr(struct request *request);

int do_getlk(struct request *request);
int do_setlk(struct request *request);
int do_setlkw(struct request *request);

/* The file of this name, told to the guest; 0 or an errno. */
int look_up(struct request *request, uint32_t parent, int folder, const char *name, uint32_t *node, struct statx *found);
/* Takes the bits away with which a program runs as its owner, as a write does. 0 or an errno. */
int kill_bits(struct request *request);
/* Opens a file that was looked up. Sends nothing; the handle's number in `open`. */
int open_node(struct request *request, uint32_t node, uint32_t flags, struct fuse_open_out *open);

#endif
