/*
 * Starts a program with what it needs and nothing else: the one door through which a QEMU gets onto a host, and a daemon into the background.
 * `confine --help` lists the options. The order of the steps matters: each takes away what the ones before it needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"

/* Of descriptors, on a kernel that cannot close a range of them (before 5.9). */
#define MANY_DESCRIPTORS 65536
/* The host's own is not the program's to know. */
#define HOST_NAME "vm"

int fail(const char *what)
{
    fprintf(stderr, "confine: %s: %s\n", what, strerror(errno));
    return 1;
}

/* Whoever started us may have left anything open, at any number. */
static void close_from(int first)
{
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) {
        return;
    }
    for (int fd = first; fd < MANY_DESCRIPTORS; fd++) {
        close(fd);
    }
}

static int become_program(const struct options *options, bool is_in_group)
{
    if (options->record != NULL && options->keep < CHANNEL) {
        close(CHANNEL);
    }
    if (enter_groups(options, is_in_group) != 0) {
        return 1;
    }
    int own = options->namespaces & ~CLONE_NEWPID;
    if (own != 0 && unshare(own) < 0) {
        return fail("namespaces");
    }
    if ((own & CLONE_NEWUTS) != 0 && sethostname(HOST_NAME, sizeof HOST_NAME - 1) < 0) {
        return fail("host name");
    }
    if (options->has_user) {
        offer_to_oom_killer(); /* Here, as the new root has no /proc. */
    }
    if (options->has_root && enter_root(options) != 0) {
        return 1;
    }
    if (give_up_rights(options) != 0) {
        return 1;
    }
    /* After the user was changed, which forgets it: program and supervisor live equally long. */
    if (options->record != NULL && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return fail("parent's death");
    }
    /* A limit of file sizes is then an error that the program can handle, and not its end. */
    signal(SIGXFSZ, SIG_IGN);
    execvp(options->program[0], options->program);
    return fail(options->program[0]);
}

int main(int argc, char **argv)
{
    struct options options;
    int status = parse_options(argc, argv, &options);
    if (status != 0) {
        return status;
    }
    if (options.program == NULL) {
        return probe();
    }
    /* The supervisor tells on the channel, whether or not the program gets it. */
    close_from((options.record != NULL && options.keep < CHANNEL ? CHANNEL : options.keep) + 1);
    if (options.network != NULL && enter_network(&options) != 0) {
        return 1;
    }
    if (options.listens && open_listeners(&options) != 0) {
        return 1;
    }
    if (options.record == NULL) {
        if ((options.namespaces & CLONE_NEWPID) != 0) {
            fprintf(stderr, "confine: a namespace of processes needs a supervisor: --record\n");
            return 2;
        }
        return become_program(&options, false);
    }
    /* Or the record itself would get that number. */
    if (fcntl(CHANNEL, F_GETFD) < 0) {
        return fail("descriptor 3");
    }
    int record = open(options.record, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (record < 0) {
        return fail(options.record);
    }
    if ((options.namespaces & CLONE_NEWPID) != 0 && unshare(CLONE_NEWPID) < 0) {
        return fail("namespace of processes");
    }
    bool is_in_group;
    pid_t program = fork_in_group(&options, &is_in_group);
    if (program < 0) {
        return fail("fork");
    }
    if (program == 0) {
        _exit(become_program(&options, is_in_group));
    }
    return supervise(program, record);
}
