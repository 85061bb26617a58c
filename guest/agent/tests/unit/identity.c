/* Accounts, and the name of the VM. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "identity/link-settings.h"
#include "identity/own-name.h"
#include "system/account.h"
#include "unit.h"

/* The C library's answer is the right one, where it needs no daemon. */
static void groups_are_those_of_the_library(void)
{
    struct account account;
    int compared = 0;
    setpwent();
    for (const struct passwd *entry; (entry = getpwent()) != NULL; compared++) {
        gid_t groups[MAX_GROUPS];
        int count = MAX_GROUPS;
        char name[MAX_ACCOUNT_TEXT];
        snprintf(name, sizeof name, "%s", entry->pw_name);
        CHECK(getgrouplist(name, entry->pw_gid, groups, &count) >= 0);
        CHECK(account_find(name, &account) && account.uid == entry->pw_uid && account.group_count == count);
        CHECK(memcmp(account.groups, groups, (size_t)count * sizeof *groups) == 0);
    }
    endpwent();
    CHECK(compared > 0);
}

static void accounts_are_names_or_numbers(void)
{
    struct account account;
    CHECK(account_find("root", &account) && account.uid == 0 && strcmp(account.home, "/root") == 0);
    CHECK(account_find("0", &account) && strcmp(account.name, "root") == 0);
    CHECK(account_find("54321", &account) && account.uid == 54321 && account.gid == 54321 && account.group_count == 0);
    static const char *const nobody[] = {"", "-1", "4294967295", "99999999999999999999", "0x10", " 0", "no-such-user"};
    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        CHECK(!account_find(nobody[i], &account));
    }
}

static bool names_itself(const char *hosts, const char *name, const char *expected)
{
    char result[512];
    size_t length = hosts_with_own_name(hosts, strlen(hosts), name, result, sizeof result);
    return length == strlen(expected) && memcmp(result, expected, length) == 0;
}

static void a_line_of_ours_gives_the_own_name(void)
{
    const char *mark = " # fastvm: this VM's own name\n";
    char first[200], second[200];
    snprintf(first, sizeof first, "127.0.0.1 localhost\n127.0.1.1 a%s::1 db\n", mark);
    snprintf(second, sizeof second, "127.0.0.1 localhost\n127.0.1.1 longer-name%s::1 db\n", mark);
    CHECK(names_itself(first, "longer-name", second));
    CHECK(names_itself(second, "a", first));
    CHECK(names_itself(first, "a", first));
    snprintf(second, sizeof second, "10.0.0.1 a\n127.0.1.1 a%s", mark);
    CHECK(names_itself("10.0.0.1 a", "a", second));
    snprintf(first, sizeof first, "127.0.1.1 a%s", mark);
    CHECK(names_itself("", "a", first));
    /* A line written twice, as by a hand that copied it, becomes one. */
    snprintf(second, sizeof second, "127.0.1.1 b%s127.0.1.1 c%s", mark, mark);
    char once[200];
    snprintf(once, sizeof once, "127.0.1.1 a%s", mark);
    CHECK(names_itself(second, "a", once));
    char small[16];
    CHECK(hosts_with_own_name("x\n", 2, "a", small, sizeof small) == 0);
}

static bool write_text(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    return file >= 0 && close(file) == 0 && is_written;
}

/* In a network namespace of its own, whose interface is down and has IPv6 forbidden, as its owner wants it. */
static int apply_to_owners_interface(void)
{
    struct link_settings wanted = {1400, {2, 0, 0, 0, 0, 9}, 1, {10, 0, 0, 2}, {0xfd, [15] = 9}};
    if (unshare(CLONE_NEWNET) != 0 || system("ip link add eth0 type veth peer name eth1") != 0) {
        return -1;
    }
    if (!write_text("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1")) {
        return -1;
    }
    int error = link_settings_apply(&wanted);
    if (error != 0) {
        return error;
    }
    /* What the kernel itself does not take of the wish is no choice of the owner's. */
    wanted.mtu = 1;
    return link_settings_apply(&wanted) == EINVAL ? 0 : -1;
}

static void an_interface_that_its_owner_changed_is_no_error(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int error = apply_to_owners_interface();
        _exit(error < 0 ? 255 : error);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void test_identity(void)
{
    an_interface_that_its_owner_changed_is_no_error();
    accounts_are_names_or_numbers();
    groups_are_those_of_the_library();
    a_line_of_ours_gives_the_own_name();
}
