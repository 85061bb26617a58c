/* A root disk that was made larger than its file system: that grows to it. */
#ifndef FASTVM_GROW_ROOT_H
#define FASTVM_GROW_ROOT_H

/* Grows the root's ext4 to its block device, while it is mounted. 0 or an errno. */
int grow_root(void);

#endif
