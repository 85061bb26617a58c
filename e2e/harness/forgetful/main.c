/*
 * forgetful FOLDER HOME SEED: a file system in FOLDER that forgets. What was not synced when the power is cut (SIGUSR1) is gone, or partly
 * so: files' content and length, names, folders, each by itself. Strict where file systems differ: a file's sync does not keep its name,
 * and nothing is written in passing.
 *
 * After a cut everything fails until it is unmounted, then it forgets and mounts itself again. It says "mounted" on a line whenever it
 * is. What is in it takes room in HOME, without names there, and ends with it.
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

static volatile sig_atomic_t is_cut;

static void cut(int signal)
{
    (void)signal;
    is_cut = 1;
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
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
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
    struct sigaction on_cut = {.sa_handler = cut};
    sigaction(SIGUSR1, &on_cut, NULL);
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
        int error = serve(device, home, root, &is_cut);
        close(device);
        if (error != 0 || is_cut == 0) {
            return error == 0 ? EXIT_SUCCESS : fail("/dev/fuse", error);
        }
        error = names_forget(&chance);
        if (error != 0) {
            return fail("forget", error);
        }
        is_cut = 0;
    }
}
