/*
 * What can be done with files beside reading and writing them. Each verb runs in a child of the agent's, since a folder may have a million entries and a
 * filesystem may stand still, and as the user it is done for. What it has to tell it writes to `out`, as fields.
 */
#ifndef FASTVM_VERBS_H
#define FASTVM_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct verb_request {
    uint16_t verb;
    char *path;
    char *to;
    char *user;
    char *volume;
    char *fstype;
    bool has_mode;
    mode_t mode;
    uint32_t depth;
    uint32_t flags;
    uint32_t disk;
    uint64_t size;
};

/* False when it is broken. Free it in either case. */
bool verb_request_parse(struct verb_request *request, const uint8_t *bytes, size_t length);
void verb_request_free(struct verb_request *request);

/* Of a struct verb_request; 0 or an errno. */
int verb_run(const void *request, int out);

/* One file each; 0 or an errno. */
int verb_list(const struct verb_request *request, int out);
int verb_remove(const struct verb_request *request);
int verb_watch(const struct verb_request *request, int out);
int verb_drop_caches(const struct verb_request *request);
int verb_free_pages(const struct verb_request *request, int out);

/* Whether a kernel that was started with these parameters takes the content of a free page for known. */
bool knows_free_pages(const char *parameters);

/* Writes a field; 0 or an errno. */
int field_write(int out, uint16_t tag, const void *value, size_t length);
/* Writes what is known of a file; 0 or an errno. */
int entry_write(int out, const char *path, const struct stat *found);
/* Writes that something happened. */
int event_write(int out, uint8_t type, const char *path);

#endif
