/* The proxy beside the tool: it stays in the host's network, the tool goes into one of its own, and both end together. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bucket.h"

/* Ends the first command at its `--`; returns the second one, or NULL. */
static char **split(char **arguments)
{
    char **second = NULL;
    for (char **at = arguments; *at != NULL; at++) {
        if (second == NULL && strcmp(*at, "--") == 0) {
            *at = NULL;
            second = ++at;
            if (*at == NULL) {
                return NULL;
            }
        }
        if (strcmp(*at, "---") == 0) {
            (*at)++;
        }
    }
    return arguments[0] == NULL ? NULL : second;
}

/* Both are moved at once, as one may stand where the other is to go. */
static int place(int first, int first_at, int second, int second_at)
{
    int aside = fcntl(second, F_DUPFD_CLOEXEC, TOOL_FUSE + 1);
    if (aside < 0 || dup2(first, first_at) < 0 || dup2(aside, second_at) < 0) {
        return fail("descriptors");
    }
    return fcntl(first_at, F_SETFD, 0) < 0 ? fail("descriptors") : 0;
}

static int become(char **command)
{
    execvp(command[0], command);
    return fail(command[0]);
}

static int become_proxy(char **command, int host_network, int listener, int life)
{
    if (setns(host_network, CLONE_NEWNET) < 0) {
        return fail("the host's network");
    }
    /* Its clients' processes end with it. What the tool is told in variables is not its to know. */
    setsid();
    clearenv();
    return place(listener, PROXY_LISTENER, life, PROXY_LIFE) != 0 ? 1 : become(command);
}

int run_tool(char **arguments)
{
    char **proxy = arguments;
    char **tool = split(arguments);
    if (tool == NULL) {
        errno = EINVAL;
        return fail("two commands are to be given");
    }
    int life[2];
    int host_network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (host_network < 0 || pipe2(life, O_CLOEXEC) < 0) {
        return fail("pipe");
    }
    int listener = listen_in_new_network();
    if (listener < 0) {
        return 1;
    }
    pid_t child = fork();
    if (child < 0) {
        return fail("fork");
    }
    if (child == 0) {
        _exit(become_proxy(proxy, host_network, listener, life[0]));
    }
    if (place(GIVEN, TOOL_FUSE, life[1], TOOL_LIFE) != 0) {
        return 1;
    }
    close(GIVEN);
    return become(tool);
}
