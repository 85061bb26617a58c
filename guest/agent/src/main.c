/*
 * The program inside every VM. As process 1 of the initramfs it brings up the guest and then serves the host's link. With `--listen PATH` it serves a
 * link over a Unix socket on an ordinary machine, for development and tests, and leaves that machine as it is; `--volumes`, `--mount` and `--unmount` do there
 * what the process for volumes and those that mount do in a VM.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent.h"
#include "boot/early-init.h"
#include "boot/port.h"
#include "loop/serve.h"
#include "volumes/mount.h"
#include "volumes/pump.h"

static volatile sig_atomic_t ending;
static int listener = -1;
static volatile int host = -1;

/* Whatever is waited for, or will be, ends: a flag alone could be set just after it was looked at. */
static void end(int number)
{
    (void)number;
    ending = 1;
    shutdown(listener, SHUT_RDWR);
    if (host >= 0) {
        shutdown(host, SHUT_RDWR);
    }
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0) {
        return -1;
    }
    return fd;
}

/* One host at a time, one after the other; what the agent remembers of sessions goes on, as in a VM. */
static int serve_hosts(void)
{
    struct agent *agent = NULL;
    while (!ending) {
        host = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (host < 0 && (errno == EINTR || errno == ECONNABORTED)) {
            continue;
        }
        if (host >= 0 && agent != NULL) {
            agent_reconnect(agent, host);
        } else if (host < 0 || (agent = agent_new(host)) == NULL) {
            break;
        }
        agent->leaves_machine_alone = true;
        if (!ending) {
            agent_serve(agent, false);
        }
        host = -1;
        agent_disconnect(agent);
    }
    if (agent != NULL) {
        agent_free(agent);
    }
    return ending ? 0 : 1;
}

/* Until SIGTERM, which frees everything: a sanitizer can tell what was forgotten. */
static int serve_socket(const char *path)
{
    const struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    listener = listen_on(path);
    if (listener < 0) {
        fprintf(stderr, "fastvm-agent: %s: %s\n", path, strerror(errno));
        return 1;
    }
    return serve_hosts();
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--listen") == 0) {
        return serve_socket(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "--volumes") == 0) {
        return pump_serve_socket(argv[2]);
    }
    if (argc == 5 && strcmp(argv[1], "--mount") == 0) {
        return volume_mount(argv[2], argv[3], (uint32_t)atoi(argv[4]));
    }
    if (argc == 5 && strcmp(argv[1], "--unmount") == 0) {
        return volume_unmount(argv[2], argv[3], (uint32_t)atoi(argv[4]));
    }
    if (getpid() == 1) {
        program_name = argv[0];
        early_init();
    }
    fprintf(stderr, "usage: fastvm-agent --listen PATH (in a VM it is started by the kernel)\n");
    return 2;
}
