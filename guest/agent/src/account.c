#include "account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    account->group_count = MAX_GROUPS;
    if (getgrouplist(entry->pw_name, entry->pw_gid, account->groups, &account->group_count) < 0) {
        account->group_count = MAX_GROUPS; /* More groups than fit: the first ones count. */
    }
}

bool account_find(const char *user, struct account *account)
{
    memset(account, 0, sizeof *account);
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(user, &end, 10);
    bool is_number = *user >= '0' && *user <= '9' && *end == 0 && errno == 0 && number < UINT32_MAX;
    const struct passwd *entry = is_number ? getpwuid((uid_t)number) : getpwnam(user);
    if (entry != NULL) {
        fill(account, entry);
        return true;
    }
    if (!is_number) {
        return false;
    }
    account->uid = (uid_t)number;
    account->gid = (gid_t)number;
    copy_text(account->name, user);
    copy_text(account->home, "/");
    copy_text(account->shell, "/bin/sh");
    return true;
}
