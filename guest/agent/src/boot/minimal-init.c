#include "minimal-init.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

void minimal_init(void)
{
    mount_quietly("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
    mount_quietly("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
    mount_quietly("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
    mount_quietly("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGPWR);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    for (;;) {
        int number = 0;
        sigwait(&signals, &number);
        if (number == SIGTERM || number == SIGPWR) {
            power_off();
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}
