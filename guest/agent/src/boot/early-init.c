/*
 * What happens between the kernel and the image. Started from the initramfs, so that it works with every image and none can replace it: loads the
 * drivers, mounts the root, forks the agent and gives process 1 to the image's init, or to a minimal one. Nothing of the initramfs remains.
 */
#include "early-init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "find-init.h"
#include "furnish.h"
#include "give-tools.h"
#include "minimal-init.h"
#include "network.h"
#include "port.h"
#include "root-setup.h"
#include "spare-disks.h"
#include "system/limits.h"
#include "system/tools.h"

enum { DEVICE_WAIT_STEPS = 2000, DEVICE_WAIT_STEP_US = 5000, MAX_NAME = 256 };

#define ROOT_DEVICE "/dev/vda"
#define NEW_ROOT "/newroot"

/* A boot that cannot succeed ends at once, with one line that says why. */
static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    dprintf(2, "fastvm-agent: ");
    vdprintf(2, format, arguments);
    dprintf(2, "\n");
    va_end(arguments);
    sync();
    reboot(RB_POWER_OFF);
    _exit(1);
}

static void mount_or_fail(const char *source, const char *target, const char *type, unsigned long flags)
{
    mkdir(target, 0755);
    if (mount(source, target, type, flags, NULL) < 0 && errno != EBUSY) {
        fail("cannot mount %s: %s", target, strerror(errno));
    }
}

static void use_console(void)
{
    int fd = open("/dev/console", O_RDWR);
    if (fd < 0) {
        fd = open("/dev/null", O_RDWR);
    }
    for (int i = 0; i < 3 && fd >= 0; i++) {
        dup2(fd, i);
    }
    if (fd > 2) {
        close(fd);
    }
}

static void load_module(const char *name)
{
    char path[MAX_NAME + 16];
    snprintf(path, sizeof path, "/modules/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)) {
        dprintf(2, "fastvm-agent: module %s: %s\n", name, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void load_modules(void)
{
    FILE *order = fopen("/modules/order", "re");
    if (order == NULL) {
        return; /* A kernel that has all it needs built in. */
    }
    char name[MAX_NAME];
    while (fgets(name, sizeof name, order) != NULL) {
        name[strcspn(name, "\n")] = 0;
        if (name[0] != 0) {
            load_module(name);
        }
    }
    fclose(order);
}

static void mount_root(void)
{
    struct stat found;
    for (int step = 0; stat(ROOT_DEVICE, &found) < 0; step++) {
        if (step == DEVICE_WAIT_STEPS) {
            fail("there is no root disk %s", ROOT_DEVICE);
        }
        usleep(DEVICE_WAIT_STEP_US);
    }
    mkdir(NEW_ROOT, 0755);
    /* Lazy times: a change in place of a file that keeps its size needs no journal, which in a clone is 7 ms of code that no one has run. */
    if (mount(ROOT_DEVICE, NEW_ROOT, "ext4", MS_NOATIME | MS_LAZYTIME, NULL) < 0) {
        fail("cannot mount the root disk: %s", strerror(errno));
    }
}

static void take_mount_along(const char *from)
{
    char target[MAX_NAME];
    snprintf(target, sizeof target, NEW_ROOT "%s", from);
    mkdir(target, 0755);
    if (mount(from, target, NULL, MS_MOVE, NULL) < 0) {
        fail("cannot move %s: %s", from, strerror(errno));
    }
}

/* The memory of the initramfs is freed by deleting what is in it. */
static void delete_initramfs(void)
{
    FILE *order = fopen("/modules/order", "re");
    char name[MAX_NAME], path[MAX_NAME + 16];
    while (order != NULL && fgets(name, sizeof name, order) != NULL) {
        name[strcspn(name, "\n")] = 0;
        snprintf(path, sizeof path, "/modules/%s", name);
        unlink(path);
    }
    if (order != NULL) {
        fclose(order);
    }
    unlink("/modules/order");
    rmdir("/modules");
    unlink("/tools/busybox");
    unlink("/tools/curl");
    rmdir("/tools");
    unlink("/init");
}

static void switch_root(void)
{
    if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
        fail("cannot switch to the root disk: %s", strerror(errno));
    }
}

/* Of the other side of a pipe. */
static void wait_for_end(const int ends[2])
{
    char none;
    close(ends[1]);
    while (read(ends[0], &none, 1) < 0 && errno == EINTR) {
    }
    close(ends[0]);
}

/* Whoever asked for a certain init is not to have a VM without it. */
static void __attribute__((noreturn)) become(const struct handoff *handoff)
{
    char **argv = handoff->argv;
    if (strcmp(argv[0], "auto") == 0) {
        const char *found = find_usual_init();
        if (found == NULL) {
            fail("there is no init: none of " USUAL_INITS " is a program");
        }
        argv[0] = (char *)found;
    }
    execve(argv[0], argv, handoff->env);
    fail("cannot start the init %s: %s", argv[0], strerror(errno));
}

void early_init(void)
{
    mkdir("/dev", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, NULL);
    use_console();
    mount_or_fail("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
    mount_or_fail("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC);
    load_modules();
    mount_root();
    put_spare_disks_aside();
    struct tools tools = open_tools();
    take_mount_along("/dev");
    take_mount_along("/proc");
    take_mount_along("/sys");
    delete_initramfs();
    switch_root();
    furnish();
    give_tools(tools);
    has_scripts = access(SCRIPTS_FOLDER, F_OK) == 0;
    configure_network();
    const char *wrong = read_limits();
    if (wrong != NULL) {
        fail("limits of this root: %s", wrong);
    }
    const struct handoff *handoff = read_handoff();

    /* Closed by the init's execve, or once the minimal one has made its mounts: whoever the agent answers finds process 1 in place. */
    int until_init[2];
    if (pipe2(until_init, O_CLOEXEC) < 0) {
        fail("cannot make a pipe: %s", strerror(errno));
    }
    pid_t agent = fork();
    if (agent < 0) {
        fail("cannot start the agent: %s", strerror(errno));
    }
    if (agent == 0) {
        wait_for_end(until_init);
        serve_port();
    }
    close(until_init[0]);
    /* The agent goes without: what it starts has them of its own. */
    int refused = limits_apply(&limits_of_root);
    if (refused != 0) {
        fail("limits of this root: %s", strerror(refused));
    }
    if (handoff != NULL) {
        become(handoff);
    }
    const char *init = find_init();
    char *const argv[] = {(char *)init, NULL};
    char *const env[] = {(char *)"HOME=/", (char *)"TERM=linux",
                         (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    if (init != NULL) {
        execve(init, argv, env);
        dprintf(2, "fastvm-agent: %s: %s; going on without it\n", init, strerror(errno));
    }
    minimal_init(agent, until_init[1]);
}
