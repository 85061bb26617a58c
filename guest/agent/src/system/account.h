/* Users and groups of the image, read from its own files. */
#ifndef FASTVM_ACCOUNT_H
#define FASTVM_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

enum { MAX_GROUPS = 64, MAX_ACCOUNT_TEXT = 256 };

struct account {
    uid_t uid;
    gid_t gid;
    gid_t groups[MAX_GROUPS];
    int group_count;
    char name[MAX_ACCOUNT_TEXT];
    char home[MAX_ACCOUNT_TEXT];
    char shell[MAX_ACCOUNT_TEXT];
};

/* By name or number. A number needs no entry; a name does. False when there is no such user. */
bool account_find(const char *user, struct account *account);

/* This process, for good; 0 or an errno. Makes system calls only, as a vforked child must. */
int account_become(const struct account *account);

#endif
