/* Files and folders by name: as they are, and as they would be after a power cut. */
#ifndef NAMES_H
#define NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "chance.h"
#include "content.h"

struct entry {
    struct entry *next;
    struct inode *inode;
    /* Where a listing goes on: never given twice in a folder. */
    uint64_t cookie;
    char *name;
};

struct inode {
    struct inode *next;
    uint64_t number;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    dev_t device;
    struct timespec born, read, changed;
    /* Of names there are now; of those, names after a cut, changes on the way, and the kernel's. */
    unsigned names, holds;
    uint64_t lookups;
    uint64_t last_cookie;
    /* Of a folder: what is in it now, and what would be. */
    struct entry *live, *kept;
    /* Of a symbolic link. */
    char *target;
    /* Of a file. */
    struct content content;
};

/* A name appears (`to`), goes (`from`), or does both in one step. */
struct change {
    struct inode *from, *to, *what;
    const char *from_name, *to_name;
};

struct inode *names_begin(int folder);
struct inode *names_make(mode_t mode, uid_t uid, gid_t gid, int *error);
struct entry *names_find(const struct inode *folder, const char *name);
/* 0, or an error number. */
int names_change(struct change change);
/* All that was done in this folder stays, and what of others it rests upon. */
void names_sync(const struct inode *folder);
void names_forget_lookups(struct inode *inode, uint64_t count);
/* The power was cut: of what was not synced a part is there, up to some moment. Nobody has a file open. */
int names_forget(struct chance *chance);

#endif
