/*
 * forgetful FOLDER HOME SEED: a file system in FOLDER that forgets. What was not synced when the power is cut (SIGUSR1) is gone, or partly
 * so: files' content and length, names, folders, each by itself. Strict where file systems differ: a file's sync does not keep its name,
 * and nothing is written in passing.
 *
 * After a cut everything fails until it is unmounted, or told to go on (SIGUSR2) where others keep a mount of it that they do not know
 * of, in a namespace that was made meanwhile: then it forgets and mounts itself again. It says "mounted" on a line whenever it is. What is
 * in it takes room in HOME, without names there, and ends with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "chance.h"
#include "names.h"
#include "serve.h"

static struct power power;

static void hear(int signal)
{
    if (signal == SIGUSR1) {
        power.is_cut = 1;
    } else if (power.is_cut) {
        power.is_back = 1;
    }
}

static void listen_for(int signal)
{
    struct sigaction heard = {.sa_handler = hear};
    sigaction(signal, &heard, NULL);
}

/* Until nothing is asked. */
static void hold_back(int signal)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, signal);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "forgetful: %s: %s\n", what, strerror(error));
    return EXIT_FAILURE;
}

/* A descriptor, or -1 with errno. */
static int mount_at(const char *folder)
{
    char options[128];
    int device = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device < 0) {
        return -1;
    }
    snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions", device);
    return mount("forgetful", folder, "fuse.forgetful", 0, options) == 0 ? device : -1;
}

/* Each file has one or two, and there are some hundreds. */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: forgetful FOLDER HOME SEED\n");
        return EXIT_FAILURE;
    }
    allow_many_files();
    /* At once: whatever is asked behind the cut has to fail. */
    listen_for(SIGUSR1);
    hold_back(SIGUSR2);
    listen_for(SIGUSR2);
    int home = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (home < 0) {
        return fail(argv[2], errno);
    }
    /* Never 0, of which nothing but 0 comes. */
    struct chance chance = {.state = strtoull(argv[3], NULL, 10) * 2 + 1};
    struct inode *root = names_begin(home);
    for (;;) {
        int device = root == NULL ? -1 : mount_at(argv[1]);
        if (device < 0) {
            return fail("mount", errno);
        }
        puts("mounted");
        fflush(stdout);
        int error = serve(device, home, root, &power);
        /* Nobody reaches it any more, by whatever mount. */
        close(device);
        if (error != 0 || !power.is_cut) {
            return error == 0 ? EXIT_SUCCESS : fail("/dev/fuse", error);
        }
        error = names_forget(&chance);
        if (error != 0) {
            return fail("forget", error);
        }
        power = (struct power){0};
    }
}
