#include "rights.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "beneath.h"
#include "limits.h"

enum {
    /* Nodes, open files, locks, and some for the process itself. */
    WANTED_DESCRIPTORS = MAX_NODE_DESCRIPTORS + MAX_HANDLES + MAX_LOCKS + 64,
    MAX_CAPABILITY = 63,
};

/* There on every system; covered in this process's own tree alone. */
#define NEW_ROOT "/proc"

static int failed(const char *what)
{
    fprintf(stderr, "fastvm-volume: %s: %s\n", what, strerror(errno));
    return -1;
}

static int leave_namespaces(void)
{
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0) {
        return failed("namespaces");
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? failed("mounts") : 0;
}

/* The working directory, /proc/self/fd, stays what it is. */
static int leave_root(void)
{
    int descriptors = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (descriptors < 0 || mount("root", NEW_ROOT, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=2,mode=0555") < 0) {
        return failed("root");
    }
    if (chdir(NEW_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0) {
        return failed("root");
    }
    if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
        return failed("root");
    }
    if (fchdir(descriptors) < 0) {
        return failed("/proc/self/fd");
    }
    close(descriptors);
    return 0;
}

static int limit_resources(void)
{
    struct rlimit descriptors = {.rlim_cur = WANTED_DESCRIPTORS, .rlim_max = WANTED_DESCRIPTORS};
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    if (setrlimit(RLIMIT_NOFILE, &descriptors) < 0) {
        /* A container may allow less: then a guest sees EMFILE sooner. */
        getrlimit(RLIMIT_NOFILE, &descriptors);
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    return setrlimit(RLIMIT_CORE, &none) < 0 ? failed("core") : 0;
}

static int become_user(uid_t user, bool keeps_owner)
{
    const unsigned kept = keeps_owner ? 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID : 0;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{.effective = kept, .permitted = kept}};
    for (int capability = 0; capability <= MAX_CAPABILITY; capability++) {
        if ((capability > 31 || (kept >> capability & 1) == 0) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno == EINVAL) {
            break;
        }
    }
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setgid(user) < 0 || setuid(user) < 0) {
        return failed("user");
    }
    if (syscall(SYS_capset, &header, data) < 0) {
        return failed("capabilities");
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? failed("no_new_privs") : 0;
}

int give_up_rights(uid_t user, bool keeps_owner)
{
    umask(0);
    if (leave_namespaces() < 0 || enter_descriptors() < 0 || leave_root() < 0 || limit_resources() < 0) {
        return -1;
    }
    return become_user(user, keeps_owner);
}
