/* What the library in QEMU does with the memory of its guest. */
#ifndef FASTVM_GUEST_MEMORY_H
#define FASTVM_GUEST_MEMORY_H

#include <stddef.h>
#include <sys/types.h>

/* The name under which the worker links a memory file into a VM's folder, QEMU's working directory. */
#define MEMORY_FILE "memory"

void *map_raw(void *at, size_t length, int protection, int flags, int fd, off_t offset);

/*
 * Maps what the page map in the folder names over the base. 0 where there is none; negative, with the reason on stderr, when it cannot be
 * done whole.
 */
int map_extents(char *memory, size_t length, int protection);

#endif
