/* Tries each namespace in a process of its own, so that whoever starts VMs asks only for what it will get. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"

static int try_mounts(void)
{
    struct options nothing = {.has_root = true};
    if (unshare(CLONE_NEWNS) < 0) {
        return errno;
    }
    return enter_root(&nothing) == 0 ? 0 : errno;
}

static int try_processes(void)
{
    if (unshare(CLONE_NEWPID) < 0) {
        return errno;
    }
    pid_t first = fork();
    if (first == 0) {
        _exit(0);
    }
    return first < 0 || waitpid(first, NULL, 0) < 0 ? errno : 0;
}

static int try_ipc(void)
{
    return unshare(CLONE_NEWIPC) < 0 ? errno : 0;
}

static int try_uts(void)
{
    return unshare(CLONE_NEWUTS) < 0 ? errno : 0;
}

static void tell(const char *kind, int (*attempt)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int found = attempt();
        _exit(found > 0 && found < 256 ? found : 0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status)) {
        printf("%s cannot be tried\n", kind);
    } else if (WEXITSTATUS(status) == 0) {
        printf("%s\n", kind);
    } else {
        printf("%s %s\n", kind, strerror(WEXITSTATUS(status)));
    }
}

int probe(void)
{
    tell("mount", try_mounts);
    tell("pid", try_processes);
    tell("ipc", try_ipc);
    tell("uts", try_uts);
    return 0;
}
