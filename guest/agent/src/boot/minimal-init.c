#include "minimal-init.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "everybody.h"

static void mount_quietly(const char *type, const char *target, unsigned long flags, const char *options)
{
    mkdir(target, 0755);
    mount(type, target, type, flags, options); /* An image may have it already, or do without. */
}

void power_off(void)
{
    sync();
    reboot(RB_POWER_OFF);
    for (;;) {
        pause();
    }
}

/* As udev makes them elsewhere; shells open what a pipe is called by /dev/fd. */
static void link_descriptors(void)
{
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                           {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"},
                                           {"/proc/self/fd/2", "/dev/stderr"}};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        int made = symlink(links[i][0], links[i][1]);
        (void)made; /* Or is there already. */
    }
}

/*
 * What `poweroff`, `halt` and `reboot` of a busybox send to process 1, what a container's runtime would, and Ctrl-Alt-Del. A VM has one way to end.
 */
static const int ENDING[] = {SIGTERM, SIGPWR, SIGUSR1, SIGUSR2, SIGINT};

static bool is_ending(int number)
{
    for (size_t i = 0; i < sizeof ENDING / sizeof ENDING[0]; i++) {
        if (ENDING[i] == number) {
            return true;
        }
    }
    return false;
}

static void take_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGCHLD);
    for (size_t i = 0; i < sizeof ENDING / sizeof ENDING[0]; i++) {
        sigaddset(signals, ENDING[i]);
    }
    sigprocmask(SIG_SETMASK, signals, NULL);
}

void minimal_init(pid_t agent, int until_mounted)
{
    mount_quietly("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
    mount_quietly("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
    mount_quietly("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
    mount_quietly("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    link_descriptors();
    close(until_mounted);

    sigset_t signals;
    take_signals(&signals);
    for (;;) {
        int number = 0;
        sigwait(&signals, &number);
        if (is_ending(number)) {
            end_everybody(agent);
            power_off();
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}
