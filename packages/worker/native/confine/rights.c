/* What a program that is confined gives up for good. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/keyctl.h>

#include "confine.h"

/* More than a QEMU opens, with its longest chain of disk layers. */
#define MAX_DESCRIPTORS 1024
/* More than any kernel has. */
#define MAX_CAPABILITY 63
/* A fifth: enough for a VM of a large host to weigh more than its daemon. */
#define OOM_SCORE_ADJUSTMENT "200"

/* The program cannot raise it again, since it may not change its limits at all; whoever acts for its user from outside can. */
static int limit_file_size(rlim_t value)
{
    struct rlimit both;
    if (getrlimit(RLIMIT_FSIZE, &both) < 0) {
        return -1;
    }
    both.rlim_cur = value < both.rlim_max ? value : both.rlim_max;
    return setrlimit(RLIMIT_FSIZE, &both);
}

static int limit(int resource, rlim_t value)
{
    struct rlimit both = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resource, &both);
}

/* With no_new_privs nothing could bring them back anyway; this holds where a kernel has a fault in that. */
static void drop_bounding_set(void)
{
    for (int capability = 0; capability <= MAX_CAPABILITY; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno == EINVAL) {
            return;
        }
    }
}

/* A device that is not everybody's is its group's, such as /dev/kvm. What else that group has is outside of the program's root. */
static int keep_device_groups(const struct options *options)
{
    gid_t groups[MAX_DEVICES];
    size_t count = 0;
    for (size_t i = 0; i < options->device_count; i++) {
        struct stat found;
        if (stat(options->devices[i], &found) < 0) {
            return -1;
        }
        bool is_groups = (found.st_mode & S_IWGRP) != 0 && (found.st_mode & S_IWOTH) == 0;
        if (is_groups && found.st_gid != 0) {
            groups[count++] = found.st_gid;
        }
    }
    return setgroups(count, groups);
}

/* Where memory is short the kernel ends a VM before the daemon that looks after all of them. It weighs in thousandths of the memory there is. */
void offer_to_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, OOM_SCORE_ADJUSTMENT, strlen(OOM_SCORE_ADJUSTMENT));
        (void)written;
        close(fd);
    }
}

int give_up_rights(const struct options *options)
{
    /* A crash must not write a tenant's memory to disk. */
    if (options->has_user && limit(RLIMIT_CORE, 0) < 0) {
        return fail("core");
    }
    if (options->has_file_size && limit_file_size((rlim_t)options->file_size) < 0) {
        return fail("file size");
    }
    if (!options->has_user) {
        return 0;
    }
    if (limit(RLIMIT_NOFILE, options->descriptors == 0 ? MAX_DESCRIPTORS : options->descriptors) < 0) {
        return fail("descriptors");
    }
    umask(077);
    drop_bounding_set();
    if (keep_device_groups(options) < 0 || setgid(options->user) < 0 || setuid(options->user) < 0) {
        return fail("user");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return fail("no_new_privs");
    }
    /* Whoever started us may have keys in their session's keyring. Not every kernel has keyrings. */
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
    return deny_system_calls();
}
