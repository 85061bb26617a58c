/*
 * Changes of names stand in a log in their order. A sync of a folder takes those that touch it, with all before them that touch the same
 * folders, into what is kept; a cut keeps a beginning of the rest, as a file system with a journal does, or nothing of it.
 * Owners and modes are kept at once: nobody here relies on them changing late.
 */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct inode *all;
static struct inode *root;
static uint64_t last_number;
static int home;

static struct change *journal;
static size_t waiting, room;

static void settle_life(struct inode *inode)
{
    if (inode == root || inode->names + inode->holds > 0 || inode->lookups > 0) {
        return;
    }
    struct inode **at = &all;
    while (*at != inode) {
        at = &(*at)->next;
    }
    *at = inode->next;
    if (S_ISREG(inode->mode)) {
        content_close(&inode->content);
    }
    free(inode->target);
    free(inode);
}

static void hold(struct inode *inode)
{
    if (inode != NULL) {
        inode->holds++;
    }
}

static void let_go(struct inode *inode)
{
    if (inode != NULL) {
        inode->holds--;
        settle_life(inode);
    }
}

struct inode *names_make(mode_t mode, uid_t uid, gid_t gid, int *error)
{
    struct inode *inode = calloc(1, sizeof *inode);
    if (inode == NULL) {
        *error = ENOMEM;
        return NULL;
    }
    inode->mode = mode;
    inode->uid = uid;
    inode->gid = gid;
    *error = S_ISREG(mode) ? content_open(&inode->content, home) : 0;
    if (*error != 0) {
        free(inode);
        return NULL;
    }
    inode->number = ++last_number;
    clock_gettime(CLOCK_REALTIME, &inode->born);
    inode->read = inode->changed = inode->born;
    inode->next = all;
    all = inode;
    return inode;
}

struct inode *names_begin(int folder)
{
    int error;
    home = folder;
    root = names_make(S_IFDIR | 0755, 0, 0, &error);
    return root;
}

static struct entry **place_of(struct entry **list, const char *name)
{
    while (*list != NULL && strcmp((*list)->name, name) != 0) {
        list = &(*list)->next;
    }
    return list;
}

struct entry *names_find(const struct inode *folder, const char *name)
{
    struct entry *list = folder->live;
    return *place_of(&list, name) == NULL ? NULL : *place_of(&list, name);
}

/* At the end: a listing that goes on from a cookie misses nothing. */
static int put(struct inode *folder, bool is_live, const char *name, struct inode *inode)
{
    struct entry **at = is_live ? &folder->live : &folder->kept;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    struct entry *entry = calloc(1, sizeof *entry);
    char *own = strdup(name);
    if (entry == NULL || own == NULL) {
        free(entry);
        free(own);
        return ENOMEM;
    }
    *entry = (struct entry){.inode = inode, .name = own, .cookie = ++folder->last_cookie};
    *at = entry;
    if (is_live) {
        inode->names++;
    } else {
        inode->holds++;
    }
    return 0;
}

static void take(struct inode *folder, bool is_live, const char *name)
{
    struct entry **at = place_of(is_live ? &folder->live : &folder->kept, name);
    struct entry *entry = *at;
    if (entry == NULL) {
        return;
    }
    *at = entry->next;
    if (is_live) {
        entry->inode->names--;
    } else {
        entry->inode->holds--;
    }
    settle_life(entry->inode);
    free(entry->name);
    free(entry);
}

static int apply(const struct change *change, bool is_live)
{
    if (change->to != NULL) {
        take(change->to, is_live, change->to_name);
        int error = put(change->to, is_live, change->to_name, change->what);
        if (error != 0) {
            return error;
        }
    }
    if (change->from != NULL) {
        take(change->from, is_live, change->from_name);
    }
    return 0;
}

static void drop(struct change *change)
{
    free((char *)change->from_name);
    free((char *)change->to_name);
    let_go(change->from);
    let_go(change->to);
    let_go(change->what);
}

static char *copy_of(const char *name)
{
    return name == NULL ? NULL : strdup(name);
}

int names_change(struct change change)
{
    if (waiting == room) {
        size_t more = room == 0 ? 1024 : 2 * room;
        struct change *grown = realloc(journal, more * sizeof *journal);
        if (grown == NULL) {
            return ENOMEM;
        }
        journal = grown;
        room = more;
    }
    change.from_name = copy_of(change.from_name);
    change.to_name = copy_of(change.to_name);
    hold(change.from);
    hold(change.to);
    hold(change.what);
    journal[waiting++] = change;
    for (struct inode *folder = change.from; folder != NULL; folder = folder == change.to ? NULL : change.to) {
        clock_gettime(CLOCK_REALTIME, &folder->changed);
    }
    return apply(&change, true);
}

static bool touches(const struct change *change, const struct inode *folder)
{
    return change->from == folder || change->to == folder;
}

/* Marks what is to be kept by its place: from the last one back, since each brings in what came before it. */
static void reach(const struct inode *folder, bool *kept)
{
    size_t count = 0;
    const struct inode **reached = calloc(3 * waiting + 1, sizeof *reached);
    if (reached == NULL) {
        abort();
    }
    reached[count++] = folder;
    for (size_t at = waiting; at-- > 0;) {
        for (size_t i = 0; i < count && !kept[at]; i++) {
            kept[at] = touches(&journal[at], reached[i]);
        }
        if (kept[at] && journal[at].from != NULL && journal[at].to != NULL) {
            reached[count++] = journal[at].from;
            reached[count++] = journal[at].to;
        }
        /* A folder that is gone was empty. */
        if (kept[at] && journal[at].to == NULL) {
            reached[count++] = journal[at].what;
        }
    }
    free(reached);
}

void names_sync(const struct inode *folder)
{
    bool *kept = calloc(waiting + 1, sizeof *kept);
    if (kept == NULL) {
        abort();
    }
    reach(folder, kept);
    size_t left = 0;
    for (size_t at = 0; at < waiting; at++) {
        struct change change = journal[at];
        if (!kept[at]) {
            journal[left++] = change;
        } else {
            if (apply(&change, false) != 0) {
                abort();
            }
            drop(&change);
        }
    }
    waiting = left;
    free(kept);
}

void names_forget_lookups(struct inode *inode, uint64_t count)
{
    inode->lookups -= count < inode->lookups ? count : inode->lookups;
    settle_life(inode);
}

static void empty(struct inode *folder, bool is_live)
{
    struct entry **list = is_live ? &folder->live : &folder->kept;
    while (*list != NULL) {
        take(folder, is_live, (*list)->name);
    }
}

/* What was kept is what there is. */
static int bring_back(struct inode *folder)
{
    for (const struct entry *entry = folder->kept; entry != NULL; entry = entry->next) {
        int error = put(folder, true, entry->name, entry->inode);
        if (error == 0 && S_ISDIR(entry->inode->mode)) {
            error = bring_back(entry->inode);
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Held meanwhile: emptied folders let go of others in the list. */
static void each_folder(void (*visit)(struct inode *folder))
{
    for (struct inode *inode = all; inode != NULL; inode = inode->next) {
        hold(inode);
    }
    for (struct inode *inode = all; inode != NULL; inode = inode->next) {
        if (S_ISDIR(inode->mode)) {
            visit(inode);
        }
    }
    for (struct inode *inode = all, *next; inode != NULL; inode = next) {
        next = inode->next;
        let_go(inode);
    }
}

static void empty_live(struct inode *folder)
{
    empty(folder, true);
}

/* One without a name is not to be found again. */
static void empty_lost(struct inode *folder)
{
    if (folder != root && folder->names == 0) {
        empty(folder, false);
    }
}

int names_forget(struct chance *chance)
{
    size_t stays = chance_below(chance, 2) == 0 ? 0 : chance_below(chance, waiting + 1);
    for (size_t at = 0; at < waiting; at++) {
        if (at < stays && apply(&journal[at], false) != 0) {
            return ENOMEM;
        }
        drop(&journal[at]);
    }
    waiting = 0;
    each_folder(empty_live);
    int error = bring_back(root);
    each_folder(empty_lost);
    for (struct inode *inode = all, *next; inode != NULL && error == 0; inode = next) {
        next = inode->next;
        inode->lookups = 0;
        if (S_ISREG(inode->mode) && inode->names > 0) {
            error = content_forget(&inode->content, chance);
        }
        settle_life(inode);
    }
    return error;
}
