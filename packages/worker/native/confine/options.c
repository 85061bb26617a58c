/* What `confine` is told, and what it says of itself. */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"

static const char USAGE[] =
    "usage: confine [option...] -- <program> [argument...]\n"
    "       confine --probe\n"
    "\n"
    "  --keep <descriptor>     the highest descriptor that stays open; default: 2\n"
    "  --record <file>         stay as its parent, tell its process id on descriptor 3, and write here how it ended\n"
    "  --user <id>             run as this user and the group of the same number, without any capability\n"
    "  --network <namespace>   run in this network namespace\n"
    "  --tap <name>            with that TAP device of the namespace open\n"
    "  --tap-descriptor <n>    as this descriptor\n"
    "  --group <folder>        run in this control group; more than once\n"
    "  --unshare <kind>        a namespace of its own: mount, pid, ipc or uts; more than once\n"
    "  --root                  see nothing but the working directory, as /vm, and what is exposed; needs --unshare mount\n"
    "  --expose <path>[:<as>]  a file or folder to read and execute; more than once\n"
    "  --device <path>         a device; more than once\n"
    "  --file-size <bytes>     the largest file it may write\n"
    "  --descriptors <n>       how many it may have; default: 1024\n"
    "  --listen <4|6>          as descriptor 4 a listener of 127.0.0.1 (6: and as descriptor 5 one of ::1) for connections to any address\n"
    "  --probe                 tell which namespaces this host gives\n";

static int usage(void)
{
    fputs(USAGE, stderr);
    return 2;
}

static int namespace_of(const char *kind)
{
    if (strcmp(kind, "mount") == 0) {
        return CLONE_NEWNS;
    }
    if (strcmp(kind, "pid") == 0) {
        return CLONE_NEWPID;
    }
    if (strcmp(kind, "ipc") == 0) {
        return CLONE_NEWIPC;
    }
    return strcmp(kind, "uts") == 0 ? CLONE_NEWUTS : 0;
}

static bool add(const char **list, size_t *count, size_t limit, const char *value)
{
    if (*count == limit) {
        fprintf(stderr, "confine: more than %zu of a kind\n", limit);
        return false;
    }
    list[(*count)++] = value;
    return true;
}

enum { KEEP = 1, RECORD, USER, NETWORK, TAP, TAP_DESCRIPTOR, GROUP, UNSHARE, ROOT, EXPOSE, DEVICE, FILE_SIZE, DESCRIPTORS, LISTEN, PROBE };

static const struct option NAMES[] = {
    {"keep", required_argument, NULL, KEEP},
    {"record", required_argument, NULL, RECORD},
    {"user", required_argument, NULL, USER},
    {"network", required_argument, NULL, NETWORK},
    {"tap", required_argument, NULL, TAP},
    {"tap-descriptor", required_argument, NULL, TAP_DESCRIPTOR},
    {"group", required_argument, NULL, GROUP},
    {"unshare", required_argument, NULL, UNSHARE},
    {"root", no_argument, NULL, ROOT},
    {"expose", required_argument, NULL, EXPOSE},
    {"device", required_argument, NULL, DEVICE},
    {"file-size", required_argument, NULL, FILE_SIZE},
    {"descriptors", required_argument, NULL, DESCRIPTORS},
    {"listen", required_argument, NULL, LISTEN},
    {"probe", no_argument, NULL, PROBE},
    {NULL, 0, NULL, 0},
};

static bool take(struct options *options, int name, char *value)
{
    int kind;
    switch (name) {
    case KEEP:
        options->keep = atoi(value);
        return true;
    case RECORD:
        options->record = value;
        return true;
    case USER:
        options->has_user = true;
        options->user = (uid_t)strtoul(value, NULL, 10);
        return options->user != 0;
    case NETWORK:
        options->network = value;
        return true;
    case TAP:
        options->tap = value;
        return true;
    case TAP_DESCRIPTOR:
        options->tap_descriptor = atoi(value);
        return true;
    case GROUP:
        return add(options->groups, &options->group_count, MAX_GROUPS, value);
    case UNSHARE:
        kind = namespace_of(value);
        options->namespaces |= kind;
        return kind != 0;
    case ROOT:
        options->has_root = true;
        return true;
    case EXPOSE:
        return add(options->exposed, &options->exposed_count, MAX_EXPOSED, value);
    case DEVICE:
        return add(options->devices, &options->device_count, MAX_DEVICES, value);
    case FILE_SIZE:
        options->has_file_size = true;
        options->file_size = strtoull(value, NULL, 10);
        return true;
    case DESCRIPTORS:
        options->descriptors = strtoul(value, NULL, 10);
        return options->descriptors != 0;
    case LISTEN:
        options->listens = true;
        options->listens_ipv6 = strcmp(value, "6") == 0;
        return options->listens_ipv6 || strcmp(value, "4") == 0;
    default:
        return false;
    }
}

int parse_options(int argc, char **argv, struct options *options)
{
    memset(options, 0, sizeof *options);
    options->keep = STDERR_FILENO;
    for (int name = getopt_long(argc, argv, "+", NAMES, NULL); name != -1; name = getopt_long(argc, argv, "+", NAMES, NULL)) {
        if (name == PROBE) {
            return argc == 2 ? 0 : usage();
        }
        if (!take(options, name, optarg)) {
            return usage();
        }
    }
    bool has_whole_network = (options->network == NULL) == (options->tap == NULL);
    bool has_mounts = !options->has_root || (options->namespaces & CLONE_NEWNS) != 0;
    if (optind == argc || !has_whole_network || !has_mounts) {
        return usage();
    }
    options->program = argv + optind;
    return 0;
}
