/* The end of a VM without an init: its programs learn of it, and may write down what they must not lose. */
#include "everybody.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    /* As long as runtimes of containers wait. */
    GRACE_STEPS = 500,
    GRACE_STEP_US = 20000,
    /* What cannot be killed hangs in the kernel, and goes with the machine. */
    KILL_STEPS = 50,
    /* The agent tells the host how they ended. */
    LAST_WORDS_US = 200000,
};

/* A thread of the kernel and a process that has ended have no program. */
static bool has_program(long pid)
{
    char path[64], program[8];
    snprintf(path, sizeof path, "/proc/%ld/exe", pid);
    return readlink(path, program, sizeof program) >= 0;
}

/* How many there are. `number` 0 only counts. */
static int signal_everybody(pid_t agent, int number)
{
    int count = 0;
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 1 || pid == (long)agent || !has_program(pid)) {
            continue;
        }
        count++;
        kill((pid_t)pid, number);
    }
    if (processes != NULL) {
        closedir(processes);
    }
    return count;
}

static bool are_gone(pid_t agent, int steps)
{
    for (int step = 0; step < steps; step++) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        if (signal_everybody(agent, 0) == 0) {
            return true;
        }
        usleep(GRACE_STEP_US);
    }
    return false;
}

void end_everybody(pid_t agent)
{
    signal_everybody(agent, SIGTERM);
    /* One that was stopped hears nothing before it goes on. */
    signal_everybody(agent, SIGCONT);
    if (!are_gone(agent, GRACE_STEPS)) {
        signal_everybody(agent, SIGKILL);
        are_gone(agent, KILL_STEPS);
    }
    usleep(LAST_WORDS_US);
}
