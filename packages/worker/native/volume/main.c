/* Serves folders of the host to one VM: docs/volume-server.md. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "attach.h"
#include "beneath.h"
#include "rights.h"
#include "server.h"

enum { CONNECT_TRIES = 500, CONNECT_PAUSE_US = 10000, MAX_BACKLOG = 8 };

static const char USAGE[] =
    "usage: fastvm-volume serve --port <socket> | --port-fd <n>  --control <socket>  --user <id> | --unconfined\n"
    "                           [--rights owner|none] [--nodes <n>] [--ledger <path>]\n"
    "       fastvm-volume attach --control <socket> --tag <tag> --path <path> [--options <list>]\n";

struct settings {
    const char *port;
    int port_fd;
    const char *control;
    uid_t user;
    bool keeps_owner;
    /* For tests alone: nothing is given up. */
    bool is_unconfined;
    uint32_t nodes;
    const char *ledger;
};

static int failed(const char *what)
{
    fprintf(stderr, "fastvm-volume: %s: %s\n", what, strerror(errno));
    return -1;
}

static int open_socket(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return failed(path);
    }
    strcpy(address->sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? failed("socket") : fd;
}

/* QEMU may be about to make it. */
static int connect_port(const char *path)
{
    struct sockaddr_un address;
    int fd = open_socket(path, &address);
    for (int i = 0; fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) < 0; i++) {
        if (i == CONNECT_TRIES || (errno != ENOENT && errno != ECONNREFUSED && errno != EAGAIN)) {
            return failed(path);
        }
        usleep(CONNECT_PAUSE_US);
    }
    return fd;
}

static int listen_on(const char *path)
{
    struct sockaddr_un address;
    int fd = open_socket(path, &address);
    if (fd < 0) {
        return -1;
    }
    unlink(path);
    mode_t before = umask(0177);
    int made = bind(fd, (const struct sockaddr *)&address, sizeof address);
    umask(before);
    return made < 0 || listen(fd, MAX_BACKLOG) < 0 ? failed(path) : fd;
}

/* `<path>.0` and `<path>.1`, made when they are not there. */
static int open_ledger(const char *path, int fds[LEDGER_FILES])
{
    char name[sizeof(struct sockaddr_un)];
    for (int i = 0; i < LEDGER_FILES; i++) {
        int length = snprintf(name, sizeof name, "%s.%d", path, i);
        fds[i] = length < (int)sizeof name ? open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
        if (fds[i] < 0) {
            return failed(path);
        }
    }
    return 0;
}

static int confine_self(const struct settings *settings)
{
    if (settings->is_unconfined) {
        umask(0);
        return enter_descriptors() < 0 ? failed("/proc/self/fd") : 0;
    }
    return give_up_rights(settings->user, settings->keeps_owner);
}

static int serve(const struct settings *settings)
{
    static struct server server;
    int port = settings->port != NULL ? connect_port(settings->port) : settings->port_fd;
    int control = port < 0 ? -1 : listen_on(settings->control);
    int ledger[LEDGER_FILES] = {-1, -1};
    if (control >= 0 && settings->ledger != NULL && open_ledger(settings->ledger, ledger) < 0) {
        return 1;
    }
    if (control < 0 || confine_self(settings) < 0) {
        return 1;
    }
    /* Ends of connections are told by the calls that meet them; a file that is too large likewise. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (!server_init(&server, port, settings->nodes)) {
        fprintf(stderr, "fastvm-volume: no memory\n");
        return 1;
    }
    ledger_open(&server.ledger, ledger);
    server.listener = control;
    if (write(STDOUT_FILENO, "ready\n", 6) != 6 || (!settings->is_unconfined && deny_system_calls() < 0)) {
        return 1;
    }
    int status = server_run(&server);
    server_free(&server);
    return status;
}

static bool take(struct settings *settings, int name, const char *value)
{
    switch (name) {
    case 'p':
        settings->port = value;
        return true;
    case 'f':
        settings->port_fd = atoi(value);
        return true;
    case 'c':
        settings->control = value;
        return true;
    case 'u':
        settings->user = (uid_t)strtoul(value, NULL, 10);
        return settings->user != 0;
    case 'r':
        settings->keeps_owner = strcmp(value, "owner") == 0;
        return settings->keeps_owner || strcmp(value, "none") == 0;
    case 'n':
        settings->nodes = (uint32_t)strtoul(value, NULL, 10);
        return settings->nodes > 0 && settings->nodes <= 16 * DEFAULT_NODES;
    case 'l':
        settings->ledger = value;
        return true;
    case 'x':
        settings->is_unconfined = true;
        return true;
    default:
        return false;
    }
}

static int serve_main(int argc, char **argv)
{
    static const struct option NAMES[] = {
        {"port", required_argument, NULL, 'p'},    {"port-fd", required_argument, NULL, 'f'},
        {"control", required_argument, NULL, 'c'}, {"user", required_argument, NULL, 'u'},
        {"rights", required_argument, NULL, 'r'},  {"nodes", required_argument, NULL, 'n'},
        {"ledger", required_argument, NULL, 'l'},  {"unconfined", no_argument, NULL, 'x'},
        {NULL, 0, NULL, 0},
    };
    struct settings settings = {.port_fd = -1, .nodes = DEFAULT_NODES};
    bool sound = true;
    for (int name; sound && (name = getopt_long(argc, argv, "", NAMES, NULL)) != -1;) {
        sound = take(&settings, name, optarg);
    }
    bool is_whole = (settings.port != NULL || settings.port_fd >= 0) && settings.control != NULL &&
                    (settings.user != 0 || settings.is_unconfined);
    if (!sound || !is_whole) {
        fputs(USAGE, stderr);
        return 2;
    }
    return serve(&settings);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0) {
        return serve_main(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "attach") == 0) {
        return attach_main(argc - 1, argv + 1);
    }
    fputs(USAGE, stderr);
    return 2;
}
