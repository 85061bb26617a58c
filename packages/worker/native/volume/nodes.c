#include "nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"

enum { FIRST_BUCKETS = 256, FIRST_CAPACITY = 64 };

static uint32_t bucket_of(const struct nodes *nodes, const struct identity *identity)
{
    uint64_t mixed = (identity->inode ^ identity->inode >> 32) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(mixed >> 32) & (nodes->bucket_count - 1);
}

static void use(struct nodes *nodes, uint32_t index)
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

static void unuse(struct nodes *nodes, uint32_t index)
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

static void give_descriptor(struct nodes *nodes, uint32_t index, int fd)
{
    nodes->all[index].fd = fd;
    nodes->descriptors++;
    use(nodes, index);
}

static void close_descriptor(struct nodes *nodes, uint32_t index)
{
    struct node *node = &nodes->all[index];
    if (node->fd < 0 || index == ROOT_NODE) {
        return;
    }
    unuse(nodes, index);
    close(node->fd);
    node->fd = -1;
    nodes->descriptors--;
}

static void put_in_bucket(struct nodes *nodes, uint32_t index)
{
    uint32_t *head = &nodes->buckets[bucket_of(nodes, &nodes->all[index].identity)];
    nodes->all[index].next_in_bucket = *head;
    *head = index;
}

static void take_from_bucket(struct nodes *nodes, uint32_t index)
{
    uint32_t *next = &nodes->buckets[bucket_of(nodes, &nodes->all[index].identity)];
    while (*next != index && *next != NO_NODE) {
        next = &nodes->all[*next].next_in_bucket;
    }
    if (*next == index) {
        *next = nodes->all[index].next_in_bucket;
    }
}

/* Its number is good for errors alone; the file, or the one that took its place, may get a node of its own. */
static void make_stale(struct nodes *nodes, uint32_t index)
{
    if (!nodes->all[index].stale && index != ROOT_NODE) {
        take_from_bucket(nodes, index);
        nodes->all[index].stale = true;
        changed(&nodes->changes, index);
    }
}

/* More buckets when each has more than one; without memory the chains are longer. */
static void grow_buckets(struct nodes *nodes)
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
            put_in_bucket(nodes, index);
        }
    }
}

static bool reserve(struct nodes *nodes, uint32_t size)
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

bool nodes_init(struct nodes *nodes, uint32_t limit, uint32_t seed)
{
    *nodes = (struct nodes){.limit = limit, .next_generation = seed, .bucket_count = FIRST_BUCKETS};
    nodes->buckets = calloc(FIRST_BUCKETS, sizeof *nodes->buckets);
    if (nodes->buckets == NULL || !reserve(nodes, FIRST_CAPACITY)) {
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
        give_descriptor(nodes, path[depth], fd);
    }
    return nodes->all[index].fd;
}

int node_descriptor(struct nodes *nodes, uint32_t index)
{
    struct node *node = &nodes->all[index];
    if (node->fd < 0) {
        return find_descriptor(nodes, index);
    }
    if (index != ROOT_NODE && nodes->newest != index) {
        unuse(nodes, index);
        use(nodes, index);
    }
    return node->fd;
}

uint32_t node_find(const struct nodes *nodes, const struct identity *identity)
{
    uint32_t index = nodes->buckets[bucket_of(nodes, identity)];
    while (index != NO_NODE && !is_same(&nodes->all[index].identity, identity)) {
        index = nodes->all[index].next_in_bucket;
    }
    return index;
}

/* Files of before whose inode is another's now. */
static void outdate(struct nodes *nodes, const struct identity *identity)
{
    uint32_t index = nodes->buckets[bucket_of(nodes, identity)];
    while (index != NO_NODE) {
        uint32_t next = nodes->all[index].next_in_bucket;
        if (nodes->all[index].identity.inode == identity->inode && nodes->all[index].fd < 0) {
            make_stale(nodes, index);
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
    if (!reserve(nodes, nodes->size + 1)) {
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
    give_descriptor(nodes, index, fd);
    put_in_bucket(nodes, index);
    grow_buckets(nodes);
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
        close_descriptor(nodes, index);
        if (!node->stale) {
            take_from_bucket(nodes, index);
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
        give_descriptor(nodes, index, fd);
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

void nodes_trim(struct nodes *nodes)
{
    uint32_t tried = 0;
    for (uint32_t index = nodes->oldest; nodes->descriptors > MAX_NODE_DESCRIPTORS && index != NO_NODE;) {
        uint32_t newer = nodes->all[index].newer;
        if (nodes->all[index].handles == 0) {
            close_descriptor(nodes, index);
        } else if (++tried > 64) {
            return; /* Open files are in front: the next requests will come to the others. */
        } else {
            unuse(nodes, index);
            use(nodes, index);
        }
        index = newer;
    }
}

bool node_restore(struct nodes *nodes, uint32_t index, const struct node *from)
{
    if (index <= ROOT_NODE || index > nodes->limit + ROOT_NODE || !reserve(nodes, index + 1)) {
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
            put_in_bucket(nodes, index);
        }
    }
    free(seen);
    for (uint32_t before = 0; sound && before != nodes->bucket_count && nodes->count >= nodes->bucket_count;) {
        before = nodes->bucket_count;
        grow_buckets(nodes);
    }
    return sound;
}
