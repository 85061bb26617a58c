/* What a file holds, and what of it would be there after a power cut. */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chance.h"

struct content {
    /* What readers see. */
    int live;
    /* What blocks held when the file was last synced, at their places; -1 while none has changed. */
    int before;
    /* Its length when it was last synced: 0 if it never was. */
    uint64_t synced_bytes;
    /* A bit for each block of these that has changed since. */
    uint8_t *changed;
    /* Something is not synced. */
    bool dirty;
};

/* Whoever changes the file says so first. 0, or an error number. */
int content_open(struct content *content, int folder);
int content_changing(struct content *content, uint64_t offset, uint64_t bytes);
int content_resize(struct content *content, uint64_t bytes);
int content_sync(struct content *content);
/* The power was cut: nothing, all or some of what is not synced is there. */
int content_forget(struct content *content, struct chance *chance);
void content_close(struct content *content);

#endif
