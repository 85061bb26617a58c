#include "node-places.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t node_bucket(const struct nodes *nodes, const struct identity *identity)
{
    uint64_t mixed = (identity->inode ^ identity->inode >> 32) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(mixed >> 32) & (nodes->bucket_count - 1);
}

void node_use(struct nodes *nodes, uint32_t index)
{
    struct node *node = &nodes->all[index];
    node->older = nodes->newest;
    node->newer = NO_NODE;
    if (nodes->newest != NO_NODE) {
        nodes->all[nodes->newest].newer = index;
    } else {
        nodes->oldest = index;
    }
    nodes->newest = index;
}

void node_unuse(struct nodes *nodes, uint32_t index)
{
    struct node *node = &nodes->all[index];
    if (node->older != NO_NODE) {
        nodes->all[node->older].newer = node->newer;
    } else {
        nodes->oldest = node->newer;
    }
    if (node->newer != NO_NODE) {
        nodes->all[node->newer].older = node->older;
    } else {
        nodes->newest = node->older;
    }
    node->older = node->newer = NO_NODE;
}

void node_give_descriptor(struct nodes *nodes, uint32_t index, int fd)
{
    nodes->all[index].fd = fd;
    nodes->descriptors++;
    node_use(nodes, index);
}

void node_close_descriptor(struct nodes *nodes, uint32_t index)
{
    struct node *node = &nodes->all[index];
    if (node->fd < 0 || index == ROOT_NODE) {
        return;
    }
    node_unuse(nodes, index);
    close(node->fd);
    node->fd = -1;
    nodes->descriptors--;
}

void node_put_in_bucket(struct nodes *nodes, uint32_t index)
{
    uint32_t *head = &nodes->buckets[node_bucket(nodes, &nodes->all[index].identity)];
    nodes->all[index].next_in_bucket = *head;
    *head = index;
}

void node_take_from_bucket(struct nodes *nodes, uint32_t index)
{
    uint32_t *next = &nodes->buckets[node_bucket(nodes, &nodes->all[index].identity)];
    while (*next != index && *next != NO_NODE) {
        next = &nodes->all[*next].next_in_bucket;
    }
    if (*next == index) {
        *next = nodes->all[index].next_in_bucket;
    }
}

void node_make_stale(struct nodes *nodes, uint32_t index)
{
    if (!nodes->all[index].stale && index != ROOT_NODE) {
        node_take_from_bucket(nodes, index);
        nodes->all[index].stale = true;
        changed(&nodes->changes, index);
    }
}

void nodes_grow_buckets(struct nodes *nodes)
{
    if (nodes->count < nodes->bucket_count) {
        return;
    }
    uint32_t *grown = calloc((size_t)nodes->bucket_count * 2, sizeof *grown);
    if (grown == NULL) {
        return;
    }
    free(nodes->buckets);
    nodes->buckets = grown;
    nodes->bucket_count *= 2;
    for (uint32_t index = ROOT_NODE; index < nodes->size; index++) {
        const struct node *node = &nodes->all[index];
        if (node->name != NULL && !node->stale) {
            node_put_in_bucket(nodes, index);
        }
    }
}

bool nodes_reserve(struct nodes *nodes, uint32_t size)
{
    if (size <= nodes->capacity) {
        return true;
    }
    uint32_t capacity = nodes->capacity * 2 < size ? size : nodes->capacity * 2;
    struct node *grown = realloc(nodes->all, (size_t)capacity * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    memset(grown + nodes->capacity, 0, (size_t)(capacity - nodes->capacity) * sizeof *grown);
    nodes->all = grown;
    nodes->capacity = capacity;
    return true;
}
