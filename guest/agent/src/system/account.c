#include "account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void copy_text(char *target, const char *source)
{
    snprintf(target, MAX_ACCOUNT_TEXT, "%s", source);
}

static void fill(struct account *account, const struct passwd *entry)
{
    account->uid = entry->pw_uid;
    account->gid = entry->pw_gid;
    copy_text(account->name, entry->pw_name);
    copy_text(account->home, entry->pw_dir);
    copy_text(account->shell, entry->pw_shell);
}

/* Not getpwnam(3) and its like: what they do not find they ask a daemon of the image for, and the agent would wait for its answer. */
static bool find_entry(struct account *account, const char *user, const uid_t *uid)
{
    FILE *file = fopen("/etc/passwd", "re");
    bool found = false;
    for (struct passwd *entry; file != NULL && !found && (entry = fgetpwent(file)) != NULL;) {
        found = uid != NULL ? entry->pw_uid == *uid : strcmp(entry->pw_name, user) == 0;
        if (found) {
            fill(account, entry);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static bool has_member(const struct group *group, const char *name)
{
    for (char **member = group->gr_mem; *member != NULL; member++) {
        if (strcmp(*member, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The first MAX_GROUPS of them count. */
static void find_groups(struct account *account)
{
    account->groups[account->group_count++] = account->gid;
    FILE *file = fopen("/etc/group", "re");
    for (struct group *group; file != NULL && account->group_count < MAX_GROUPS && (group = fgetgrent(file)) != NULL;) {
        if (group->gr_gid != account->gid && has_member(group, account->name)) {
            account->groups[account->group_count++] = group->gr_gid;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static bool find_user(const char *user, struct account *account)
{
    memset(account, 0, sizeof *account);
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(user, &end, 10);
    bool is_number = *user >= '0' && *user <= '9' && *end == 0 && errno == 0 && number < UINT32_MAX;
    const uid_t uid = (uid_t)number;
    if (find_entry(account, user, is_number ? &uid : NULL)) {
        find_groups(account);
        return true;
    }
    /* An image may have no accounts at all; root is there all the same. */
    if ((is_number && uid == 0) || strcmp(user, "root") == 0) {
        copy_text(account->name, "root");
        copy_text(account->home, "/root");
        copy_text(account->shell, "/bin/sh");
        return true;
    }
    if (!is_number) {
        return false;
    }
    account->uid = uid;
    account->gid = (gid_t)number;
    copy_text(account->name, user);
    copy_text(account->home, "/");
    copy_text(account->shell, "/bin/sh");
    return true;
}

/* By name or number. */
static bool find_group(const char *name, gid_t *gid)
{
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(name, &end, 10);
    if (*name >= '0' && *name <= '9' && *end == 0 && errno == 0 && number < UINT32_MAX) {
        *gid = (gid_t)number;
        return true;
    }
    FILE *file = fopen("/etc/group", "re");
    bool found = false;
    for (struct group *group; file != NULL && !found && (group = fgetgrent(file)) != NULL;) {
        found = strcmp(group->gr_name, name) == 0;
        *gid = found ? group->gr_gid : *gid;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

bool account_find(const char *user, struct account *account)
{
    const char *colon = strchr(user, ':');
    char name[MAX_ACCOUNT_TEXT];
    if (colon == NULL) {
        return find_user(user, account);
    }
    if ((size_t)(colon - user) >= sizeof name) {
        return false;
    }
    memcpy(name, user, (size_t)(colon - user));
    name[colon - user] = 0;
    gid_t gid = 0;
    if (!find_user(name, account) || !find_group(colon + 1, &gid)) {
        return false;
    }
    /* The one that is named, and no others, as containers have it. */
    account->gid = account->groups[0] = gid;
    account->group_count = 1;
    return true;
}

int account_become(const struct account *account)
{
    /* Plain system calls: the C library's wrappers would signal other threads, and a vforked child has borrowed its parent's. */
    if (syscall(SYS_setgroups, account->group_count, account->groups) < 0 ||
        syscall(SYS_setresgid, account->gid, account->gid, account->gid) < 0 ||
        syscall(SYS_setresuid, account->uid, account->uid, account->uid) < 0) {
        return errno;
    }
    return 0;
}
