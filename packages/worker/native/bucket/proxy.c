/*
 * The tool's only way out: SOCKS 5 (RFC 1928), a process for each connection, none into a guarded network. It ends with the tool, by a pipe
 * whose other end the tool has open without knowing of it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bucket.h"

/* More than a tool has connections; the rest wait for one to end. */
#define MAX_CLIENTS 128
/* How long a client that has ended goes uncounted. */
#define TURN_MS 1000

static void begin(int client)
{
    pid_t child = fork();
    if (child == 0) {
        close(PROXY_LISTENER);
        close(PROXY_LIFE);
        serve_client(client);
        _exit(0);
    }
    close(client);
}

int run_proxy(char **arguments)
{
    int status = read_guard(arguments);
    if (status != 0) {
        return status;
    }
    signal(SIGPIPE, SIG_IGN);
    size_t clients = 0;
    for (;;) {
        while (clients > 0 && waitpid(-1, NULL, WNOHANG) > 0) {
            clients--;
        }
        struct pollfd waited[] = {
            {.fd = PROXY_LIFE, .events = POLLIN},
            {.fd = clients < MAX_CLIENTS ? PROXY_LISTENER : -1, .events = POLLIN},
        };
        if (poll(waited, 2, clients > 0 ? TURN_MS : -1) < 0 && errno != EINTR) {
            return fail("poll");
        }
        if (waited[0].revents != 0) {
            /* The group is this process and its clients'. */
            return kill(0, SIGKILL);
        }
        if ((waited[1].revents & POLLIN) == 0) {
            continue;
        }
        int client = accept(PROXY_LISTENER, NULL, NULL);
        if (client >= 0) {
            clients++;
            begin(client);
        }
    }
}
