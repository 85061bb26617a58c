/* Small files written whole: under a temporary name first, renamed when complete, or into what is there. */
#ifndef FASTVM_PATHS_H
#define FASTVM_PATHS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes the folders above `path`; 0 or an errno. */
int make_parents(const char *path);

/* Opens a new file beside `path` for writing; its name, to be freed, goes to `temporary`. The descriptor or a negative errno. */
int open_temporary(const char *path, char **temporary);

/* Writes a whole small file; 0 or an errno. Nothing is left of it on failure. */
int write_whole(const char *path, const uint8_t *bytes, size_t length, mode_t mode);

/*
 * The same, into the file that is there where that is safe, and not at all where it holds the bytes already: a new file under another name costs an emulated guest
 * 40 ms when it is the first. For small files that nobody reads yet; a reader may see a part of it.
 */
int overwrite(const char *path, const uint8_t *bytes, size_t length, mode_t mode);

#endif
