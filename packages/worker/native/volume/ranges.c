/* Which bytes of a file an owner has locked. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "locks.h"

bool ranges_set(struct range **ranges, size_t *count, const struct range *set)
{
    /* Each that is there leaves at most two pieces, and only one is cut in two. */
    struct range *made = calloc(*count + 2, sizeof *made);
    size_t at = 0;
    struct range added = *set;
    if (made == NULL) {
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        const struct range *old = &(*ranges)[i];
        bool touches = old->type == added.type && old->start <= (added.end == UINT64_MAX ? added.end : added.end + 1) &&
                       added.start <= (old->end == UINT64_MAX ? old->end : old->end + 1);
        if (touches) {
            added.start = old->start < added.start ? old->start : added.start;
            added.end = old->end > added.end ? old->end : added.end;
            continue;
        }
        if (old->end < added.start || old->start > added.end) {
            made[at++] = *old;
            continue;
        }
        if (old->start < added.start) {
            made[at++] = (struct range){old->start, added.start - 1, old->type};
        }
        if (old->end > added.end) {
            made[at++] = (struct range){added.end + 1, old->end, old->type};
        }
    }
    if (added.type != F_UNLCK) {
        made[at++] = added;
    }
    free(*ranges);
    *ranges = made;
    *count = at;
    return true;
}
