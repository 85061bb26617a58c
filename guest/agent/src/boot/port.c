#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/serve.h"
#include "minimal-init.h"
#include "system/serial-port.h"

enum { PORT_WAIT_STEPS = 2000, PORT_WAIT_STEP_US = 5000 };

char *program_name;

#define PORT_NAME "fastvm.link"

static int wait_for_port(void)
{
    for (int step = 0; step < PORT_WAIT_STEPS; step++) {
        int fd = open_port(PORT_NAME);
        if (fd >= 0) {
            return fd;
        }
        usleep(PORT_WAIT_STEP_US);
    }
    return -1;
}

/* The guest's owner is welcome to kill the agent; the kernel, short of memory, is not. */
static void hide_from_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, "-1000", 5);
        (void)written;
        close(fd);
    }
}

/* At shutdown systemd ends every process but those whose first argument begins with `@`: this one serves to the last. */
static void rename_self(void)
{
    prctl(PR_SET_NAME, "fastvm-agent");
    if (program_name != NULL && program_name[0] != 0) {
        program_name[0] = '@';
    }
}

void serve_port(void)
{
    setsid();
    rename_self();
    hide_from_oom_killer();
    umask(022);
    int fd = wait_for_port();
    struct agent *agent = fd < 0 ? NULL : agent_new(fd);
    if (agent == NULL) {
        dprintf(2, "fastvm-agent: there is no port %s\n", PORT_NAME);
        power_off();
    }
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++) {
        dup2(null, i);
    }
    close(null);
    agent_serve(agent, true);
    _exit(0);
}
