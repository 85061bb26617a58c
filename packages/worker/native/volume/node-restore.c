/* Nodes out of a table that is read: a captured state, or a ledger. */
#include <stdlib.h>

#include "node-places.h"

bool node_restore(struct nodes *nodes, uint32_t index, const struct node *from)
{
    if (index <= ROOT_NODE || index > nodes->limit + ROOT_NODE || !nodes_reserve(nodes, index + 1)) {
        return false;
    }
    if (index < nodes->size && nodes->all[index].generation != 0) {
        return false;
    }
    nodes->all[index] = *from;
    if (index >= nodes->size) {
        nodes->size = index + 1;
    }
    nodes->count++;
    return true;
}

static bool leads_to_root(const struct nodes *nodes, uint32_t index, uint8_t *seen)
{
    uint32_t at = index;
    while (at != ROOT_NODE && seen[at] == 0) {
        seen[at] = 1;
        at = nodes->all[at].parent;
        if (at == NO_NODE || at >= nodes->size || (at != ROOT_NODE && nodes->all[at].generation == 0)) {
            return false;
        }
    }
    if (at != ROOT_NODE && seen[at] == 1) {
        return false;
    }
    for (at = index; at != ROOT_NODE && seen[at] == 1; at = nodes->all[at].parent) {
        seen[at] = 2;
    }
    return true;
}

bool nodes_restored(struct nodes *nodes)
{
    uint8_t *seen = calloc(nodes->size, 1);
    bool sound = seen != NULL;
    nodes->free = NO_NODE;
    for (uint32_t index = nodes->size - 1; sound && index > ROOT_NODE; index--) {
        struct node *node = &nodes->all[index];
        if (node->generation == 0) {
            node->fd = -1;
            node->next_in_bucket = nodes->free;
            nodes->free = index;
            continue;
        }
        sound = leads_to_root(nodes, index, seen);
        if (sound) {
            nodes->all[node->parent].children++;
        }
        if (sound && !node->stale) {
            node_put_in_bucket(nodes, index);
        }
    }
    free(seen);
    for (uint32_t before = 0; sound && before != nodes->bucket_count && nodes->count >= nodes->bucket_count;) {
        before = nodes->bucket_count;
        nodes_grow_buckets(nodes);
    }
    return sound;
}
