/* Places of a list that changed while a request was done, for the ledger. */
#ifndef VOLUME_CHANGES_H
#define VOLUME_CHANGES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct changes {
    uint32_t *all;
    uint32_t count;
    uint32_t size;
    /* Not all of them are here: memory was short. */
    bool missed;
};

static inline void changed(struct changes *changes, uint32_t index)
{
    if (changes->count > 0 && changes->all[changes->count - 1] == index) {
        return;
    }
    if (changes->count == changes->size) {
        uint32_t size = changes->size == 0 ? 16 : changes->size * 2;
        uint32_t *grown = realloc(changes->all, size * sizeof *grown);
        if (grown == NULL) {
            changes->missed = true;
            return;
        }
        changes->all = grown;
        changes->size = size;
    }
    changes->all[changes->count++] = index;
}

#endif
