/*
 * The program's parent: it can tell, even after the daemon that started both has ended, how the program ended. It listens to nobody, and its
 * working directory is the program's folder, by whatever name that goes later.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "confine.h"

/* All but one: our death is a signal to the program, which the kernel sends in our name. */
static void give_up_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3];
    memset(kept, 0, sizeof kept);
    kept[CAP_TO_INDEX(CAP_KILL)].permitted = kept[CAP_TO_INDEX(CAP_KILL)].effective = CAP_TO_MASK(CAP_KILL);
    syscall(SYS_capset, &header, kept);
}

static void close_all_but(int fd)
{
    for (int other = 0; other <= fd; other++) {
        if (other != fd) {
            close(other);
        }
    }
}

int supervise(pid_t program, int record)
{
    char line[64];
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    int length = snprintf(line, sizeof line, "%d\n", (int)program);
    /* Nobody to tell: then nobody will look for it either, but by its folder. */
    (void)!write(CHANNEL, line, (size_t)length);
    close_all_but(record);
    give_up_capabilities();
    int status;
    while (waitpid(program, &status, 0) < 0) {
        if (errno != EINTR) {
            return 1;
        }
    }
    length = WIFSIGNALED(status) ? snprintf(line, sizeof line, "signal %d\n", WTERMSIG(status))
                                 : snprintf(line, sizeof line, "exit %d\n", WEXITSTATUS(status));
    (void)!write(record, line, (size_t)length);
    return 0;
}
