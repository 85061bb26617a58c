#include "nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"
#include "node-places.h"

enum { FIRST_BUCKETS = 256, FIRST_CAPACITY = 64 };

bool nodes_init(struct nodes *nodes, uint32_t limit, uint32_t seed)
{
    *nodes = (struct nodes){.limit = limit, .next_generation = seed, .bucket_count = FIRST_BUCKETS};
    nodes->buckets = calloc(FIRST_BUCKETS, sizeof *nodes->buckets);
    if (nodes->buckets == NULL || !nodes_reserve(nodes, FIRST_CAPACITY)) {
        nodes_free(nodes);
        return false;
    }
    nodes->size = ROOT_NODE + 1;
    nodes->all[ROOT_NODE] = (struct node){.fd = -1};
    return true;
}

void nodes_free(struct nodes *nodes)
{
    for (uint32_t index = ROOT_NODE; index < nodes->size; index++) {
        struct node *node = &nodes->all[index];
        if ((index == ROOT_NODE || node->generation != 0) && node->fd >= 0) {
            close(node->fd);
        }
        free(node->name);
    }
    free(nodes->all);
    free(nodes->buckets);
    free(nodes->changes.all);
    *nodes = (struct nodes){.all = NULL};
}

void nodes_set_root(struct nodes *nodes, int fd, const struct identity *identity)
{
    nodes->all[ROOT_NODE].fd = fd;
    nodes->all[ROOT_NODE].identity = *identity;
}

uint64_t node_number(const struct nodes *nodes, uint32_t index)
{
    return (uint64_t)nodes->all[index].generation << 32 | index;
}

uint32_t node_index(const struct nodes *nodes, uint64_t number)
{
    uint32_t index = (uint32_t)number;
    if (number == ROOT_NODE) {
        return ROOT_NODE;
    }
    bool is_given = index > ROOT_NODE && index < nodes->size && nodes->all[index].generation != 0 &&
                    nodes->all[index].generation == number >> 32;
    return is_given ? index : NO_NODE;
}

struct node *node_at(const struct nodes *nodes, uint32_t index)
{
    return &nodes->all[index];
}

/* From the next ancestor that has a descriptor down to the node. */
static int find_descriptor(struct nodes *nodes, uint32_t index)
{
    uint32_t path[MAX_DEPTH];
    int depth = 0;
    for (uint32_t at = index; nodes->all[at].fd < 0; at = nodes->all[at].parent) {
        if (depth == MAX_DEPTH || at == ROOT_NODE || nodes->all[at].stale) {
            errno = at == ROOT_NODE ? EIO : ESTALE;
            return -1;
        }
        path[depth++] = at;
    }
    while (depth-- > 0) {
        struct node *node = &nodes->all[path[depth]];
        int fd = open_beneath(nodes->all[node->parent].fd, node->name, O_PATH, 0);
        struct statx found;
        if (fd < 0 || stat_descriptor(fd, &found) < 0) {
            int error = errno;
            if (fd >= 0) {
                close(fd);
            }
            errno = error == EMFILE || error == ENFILE || error == ENOMEM ? error : ESTALE;
            return -1;
        }
        struct identity identity = identity_of(&found);
        if (!is_same(&identity, &node->identity)) {
            close(fd);
            errno = ESTALE;
            return -1;
        }
        node_give_descriptor(nodes, path[depth], fd);
    }
    return nodes->all[index].fd;
}

int node_find_anew(const struct nodes *nodes, uint32_t index)
{
    uint32_t path[MAX_DEPTH];
    int depth = 0;
    for (uint32_t at = index; at != ROOT_NODE; at = nodes->all[at].parent) {
        if (depth == MAX_DEPTH || nodes->all[at].stale) {
            return ESTALE;
        }
        path[depth++] = at;
    }
    int folder = nodes->all[ROOT_NODE].fd;
    int error = 0;
    while (depth-- > 0 && error == 0) {
        const struct node *node = &nodes->all[path[depth]];
        struct statx found;
        int fd = open_beneath(folder, node->name, O_PATH, 0);
        error = fd < 0 || stat_descriptor(fd, &found) < 0 ? errno : 0;
        error = error == ENOENT || error == ENOTDIR || error == ELOOP ? ESTALE : error;
        if (error == 0) {
            struct identity identity = identity_of(&found);
            error = is_same(&identity, &node->identity) ? 0 : ESTALE;
        }
        if (folder != nodes->all[ROOT_NODE].fd) {
            close(folder);
        }
        folder = fd;
    }
    if (folder >= 0 && folder != nodes->all[ROOT_NODE].fd) {
        close(folder);
    }
    return error;
}

int node_descriptor(struct nodes *nodes, uint32_t index)
{
    struct node *node = &nodes->all[index];
    if (node->fd < 0) {
        return find_descriptor(nodes, index);
    }
    if (index != ROOT_NODE && nodes->newest != index) {
        node_unuse(nodes, index);
        node_use(nodes, index);
    }
    return node->fd;
}

uint32_t node_find(const struct nodes *nodes, const struct identity *identity)
{
    uint32_t index = nodes->buckets[node_bucket(nodes, identity)];
    while (index != NO_NODE && !is_same(&nodes->all[index].identity, identity)) {
        index = nodes->all[index].next_in_bucket;
    }
    return index;
}

/* Files of before whose inode is another's now. */
static void outdate(struct nodes *nodes, const struct identity *identity)
{
    uint32_t index = nodes->buckets[node_bucket(nodes, identity)];
    while (index != NO_NODE) {
        uint32_t next = nodes->all[index].next_in_bucket;
        if (nodes->all[index].identity.inode == identity->inode && nodes->all[index].fd < 0) {
            node_make_stale(nodes, index);
        }
        index = next;
    }
}

static uint32_t take_place(struct nodes *nodes)
{
    if (nodes->count >= nodes->limit) {
        errno = ENFILE;
        return NO_NODE;
    }
    uint32_t index = nodes->free;
    if (index != NO_NODE) {
        nodes->free = nodes->all[index].next_in_bucket;
        return index;
    }
    if (!nodes_reserve(nodes, nodes->size + 1)) {
        errno = ENOMEM;
        return NO_NODE;
    }
    return nodes->size++;
}

static uint32_t next_generation(struct nodes *nodes)
{
    nodes->next_generation = nodes->next_generation == UINT32_MAX ? 1 : nodes->next_generation + 1;
    return nodes->next_generation;
}

static uint32_t add(struct nodes *nodes, uint32_t parent, const char *name, int fd, const struct identity *identity)
{
    char *copy = strdup(name);
    uint32_t index = copy == NULL ? NO_NODE : take_place(nodes);
    if (index == NO_NODE) {
        errno = copy == NULL ? ENOMEM : errno;
        free(copy);
        return NO_NODE;
    }
    nodes->all[index] = (struct node){.generation = next_generation(nodes), .parent = parent, .name = copy, .fd = -1,
                                      .identity = *identity, .lookups = 1};
    nodes->all[parent].children++;
    nodes->count++;
    changed(&nodes->changes, index);
    node_give_descriptor(nodes, index, fd);
    node_put_in_bucket(nodes, index);
    nodes_grow_buckets(nodes);
    return index;
}

static void drop_if_unneeded(struct nodes *nodes, uint32_t index);

static void leave_parent(struct nodes *nodes, uint32_t parent)
{
    nodes->all[parent].children--;
    drop_if_unneeded(nodes, parent);
}

/* With its ancestors that were kept for it alone; a chain, not a tree, so the recursion is one step at a time. */
static void drop_if_unneeded(struct nodes *nodes, uint32_t index)
{
    while (index != ROOT_NODE) {
        struct node *node = &nodes->all[index];
        if (node->lookups > 0 || node->children > 0 || node->handles > 0) {
            return;
        }
        uint32_t parent = node->parent;
        changed(&nodes->changes, index);
        node_close_descriptor(nodes, index);
        if (!node->stale) {
            node_take_from_bucket(nodes, index);
        }
        free(node->name);
        *node = (struct node){.fd = -1, .next_in_bucket = nodes->free};
        nodes->free = index;
        nodes->count--;
        nodes->all[parent].children--;
        index = parent;
    }
}

/* A folder cannot be put below itself but by a host that lies, or by moves that others made meanwhile: then names of before stay. */
static bool is_above(const struct nodes *nodes, uint32_t index, uint32_t below)
{
    uint32_t steps = 0;
    while (below != ROOT_NODE && steps++ < nodes->size) {
        if (below == index) {
            return true;
        }
        below = nodes->all[below].parent;
    }
    return false;
}

void node_moved(struct nodes *nodes, uint32_t index, uint32_t parent, const char *name)
{
    struct node *node = &nodes->all[index];
    if (index == ROOT_NODE || (node->parent == parent && strcmp(node->name, name) == 0)) {
        return;
    }
    if (node->parent != parent && node->identity.type == S_IFDIR && is_above(nodes, index, parent)) {
        return;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        return;
    }
    changed(&nodes->changes, index);
    free(node->name);
    node->name = copy;
    if (node->parent != parent) {
        uint32_t before = node->parent;
        nodes->all[parent].children++;
        node->parent = parent;
        leave_parent(nodes, before);
    }
}

uint32_t node_found(struct nodes *nodes, uint32_t parent, const char *name, int fd, const struct identity *identity)
{
    uint32_t index = node_find(nodes, identity);
    if (index == NO_NODE && is_same(identity, &nodes->all[ROOT_NODE].identity)) {
        /* A link to the root itself cannot be; a mount that shows a folder inside of itself can. */
        close(fd);
        errno = ELOOP;
        return NO_NODE;
    }
    if (index == NO_NODE) {
        outdate(nodes, identity);
        index = add(nodes, parent, name, fd, identity);
        if (index == NO_NODE) {
            int error = errno;
            close(fd);
            errno = error;
        }
        return index;
    }
    if (nodes->all[index].fd < 0) {
        node_give_descriptor(nodes, index, fd);
    } else {
        close(fd);
    }
    nodes->all[index].lookups++;
    changed(&nodes->changes, index);
    node_moved(nodes, index, parent, name);
    return index;
}

void node_forget(struct nodes *nodes, uint32_t index, uint64_t lookups)
{
    struct node *node = &nodes->all[index];
    if (index == ROOT_NODE) {
        return;
    }
    changed(&nodes->changes, index);
    node->lookups -= lookups < node->lookups ? lookups : node->lookups;
    drop_if_unneeded(nodes, index);
}

void node_hold(struct nodes *nodes, uint32_t index)
{
    nodes->all[index].handles++;
}

void node_release(struct nodes *nodes, uint32_t index)
{
    nodes->all[index].handles--;
    drop_if_unneeded(nodes, index);
}

void nodes_close_descriptors(struct nodes *nodes)
{
    while (nodes->oldest != NO_NODE) {
        node_close_descriptor(nodes, nodes->oldest);
    }
    struct node *root = &nodes->all[ROOT_NODE];
    if (root->fd >= 0) {
        close(root->fd);
    }
    root->fd = -1;
}

void nodes_trim(struct nodes *nodes)
{
    uint32_t tried = 0;
    for (uint32_t index = nodes->oldest; nodes->descriptors > MAX_NODE_DESCRIPTORS && index != NO_NODE;) {
        uint32_t newer = nodes->all[index].newer;
        if (nodes->all[index].handles == 0) {
            node_close_descriptor(nodes, index);
        } else if (++tried > 64) {
            return; /* Open files are in front: the next requests will come to the others. */
        } else {
            node_unuse(nodes, index);
            node_use(nodes, index);
        }
        index = newer;
    }
}
