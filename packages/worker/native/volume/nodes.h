/*
 * The files that a guest knows of. It names them by number: the place in this table, and a generation, so that a number that was given up, or never
 * given, names nothing. A node is found again by its parent and name when its descriptor had to be closed, or the table came from a captured state; what is there by then
 * and is another file makes it stale.
 */
#ifndef VOLUME_NODES_H
#define VOLUME_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "beneath.h"
#include "changes.h"

struct lock;
struct lost_owner;

enum { NO_NODE = 0, ROOT_NODE = 1 };

struct node {
    /* 0: the place is free. */
    uint32_t generation;
    uint32_t parent;
    char *name;
    /* O_PATH; -1: to be found. */
    int fd;
    /* Its number is the name of something else by now. */
    bool stale;
    /* The ledger has some of its locks. */
    bool has_told_locks;
    struct identity identity;
    /* How often the guest was told of it, and may forget it. */
    uint64_t lookups;
    /* What keeps the place taken: nodes below, open files; these keep the descriptor as well. */
    uint32_t children;
    uint32_t handles;
    uint32_t next_in_bucket;
    uint32_t older;
    uint32_t newer;
    struct lock *locks;
    struct lost_owner *lost;
};

struct nodes {
    struct node *all;
    /* Places there are, in use or not, from 1. */
    uint32_t size;
    uint32_t capacity;
    uint32_t limit;
    uint32_t count;
    uint32_t free;
    uint32_t next_generation;
    uint32_t *buckets;
    uint32_t bucket_count;
    /* Those with a descriptor, in the order of their use. */
    uint32_t oldest;
    uint32_t newest;
    uint32_t descriptors;
    struct changes changes;
};

/* `seed`: where generations start. False when memory is short. */
bool nodes_init(struct nodes *nodes, uint32_t limit, uint32_t seed);
void nodes_free(struct nodes *nodes);
/* The root's descriptor, which the table owns from then on. */
void nodes_set_root(struct nodes *nodes, int fd, const struct identity *identity);

uint64_t node_number(const struct nodes *nodes, uint32_t index);
/* NO_NODE for a number that names nothing. */
uint32_t node_index(const struct nodes *nodes, uint64_t number);
struct node *node_at(const struct nodes *nodes, uint32_t index);

/* An open descriptor, good until nodes_trim; -1 with errno. */
int node_descriptor(struct nodes *nodes, uint32_t index);

/* Whether it is found by names alone, from the root down, as it will have to be without descriptors. 0, or ESTALE, or why nobody can tell. */
int node_find_anew(const struct nodes *nodes, uint32_t index);
/* The root's as well. */
void nodes_close_descriptors(struct nodes *nodes);

/* The node of a file that was just found under this name, told of once more. Owns `fd` from then on. NO_NODE with errno: too many, or no memory. */
uint32_t node_found(struct nodes *nodes, uint32_t parent, const char *name, int fd, const struct identity *identity);
/* The node of a file, if it has one. */
uint32_t node_find(const struct nodes *nodes, const struct identity *identity);
/* It is known by another name from now on; without memory for that the old one stays, and it may become stale. */
void node_moved(struct nodes *nodes, uint32_t index, uint32_t parent, const char *name);
void node_forget(struct nodes *nodes, uint32_t index, uint64_t lookups);
/* An open file more, or less. */
void node_hold(struct nodes *nodes, uint32_t index);
void node_release(struct nodes *nodes, uint32_t index);

/* Closes descriptors that are too many; between requests. */
void nodes_trim(struct nodes *nodes);

/* For a table that is read: takes the very place. False when it is taken, too high, or memory is short. */
bool node_restore(struct nodes *nodes, uint32_t index, const struct node *from);
/* Puts free places in order, and counts children. False when a parent is missing or parents go in a circle. */
bool nodes_restored(struct nodes *nodes);

#endif
