/*
 * Where nodes lie in their table, and how one is found there: the places, the buckets by which a file's identity leads to its node, and the order in which descriptors were
 * used. For the other files of nodes alone.
 */
#ifndef VOLUME_NODE_PLACES_H
#define VOLUME_NODE_PLACES_H

#include "nodes.h"

uint32_t node_bucket(const struct nodes *nodes, const struct identity *identity);
void node_use(struct nodes *nodes, uint32_t index);
void node_unuse(struct nodes *nodes, uint32_t index);
void node_give_descriptor(struct nodes *nodes, uint32_t index, int fd);
void node_close_descriptor(struct nodes *nodes, uint32_t index);
void node_put_in_bucket(struct nodes *nodes, uint32_t index);
void node_take_from_bucket(struct nodes *nodes, uint32_t index);
/* Its number is good for errors alone; the file, or the one that took its place, may get a node of its own. */
void node_make_stale(struct nodes *nodes, uint32_t index);
/* More buckets when each has more than one; without memory the chains are longer. */
void nodes_grow_buckets(struct nodes *nodes);
bool nodes_reserve(struct nodes *nodes, uint32_t size);

#endif
