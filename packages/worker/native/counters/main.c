/*
 * Prints what nftables has counted of VMs, by one process for all of them, however much else its tables hold:
 *
 *   fastvm-counters sets TABLE SET...                      SET INTERFACE PACKETS BYTES, a line for each element
 *   fastvm-counters doors TABLE COUNTER NAMESPACE...       NAMESPACE PACKETS BYTES, or NAMESPACE and why it cannot be read
 *
 * nft would print all elements of all sets, of which a guest fills some as it likes, or take a process for each.
 */
#include "netfilter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define NAMESPACES "/run/netns/"

static int print_sets(const char *table, char **sets)
{
    const int netfilter = open_netfilter();
    if (netfilter < 0)
        return fprintf(stderr, "netfilter cannot be asked: %s\n", strerror(errno)), 1;
    for (; *sets != NULL; sets++)
        if (print_set(netfilter, stdout, table, *sets) < 0)
            return fprintf(stderr, "the set %s of %s cannot be read: %s\n", *sets, table, strerror(errno)), 1;
    return 0;
}

static int enter(const char *name)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, NAMESPACES "%s", name) >= sizeof path)
        return errno = ENAMETOOLONG, -1;
    const int namespace = open(path, O_RDONLY | O_CLOEXEC);
    if (namespace < 0)
        return -1;
    const int result = setns(namespace, CLONE_NEWNET);
    close(namespace);
    return result;
}

static int read_door(const char *table, const char *counter, const char *name, struct hits *hits)
{
    const int netfilter = enter(name) < 0 ? -1 : open_netfilter();
    if (netfilter < 0)
        return -1;
    const int result = read_counter(netfilter, table, counter, hits);
    const int failure = errno;
    close(netfilter);
    return errno = failure, result;
}

static void print_doors(const char *table, const char *counter, char **names)
{
    for (; *names != NULL; names++) {
        struct hits hits;
        if (read_door(table, counter, *names, &hits) < 0)
            printf("%s %s\n", *names, strerror(errno));
        else
            printf("%s %llu %llu\n", *names, (unsigned long long)hits.packets, (unsigned long long)hits.bytes);
    }
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "sets") == 0)
        return print_sets(argv[2], argv + 3);
    if (argc >= 4 && strcmp(argv[1], "doors") == 0)
        return print_doors(argv[2], argv[3], argv + 4), 0;
    fprintf(stderr, "usage: fastvm-counters sets TABLE SET... | doors TABLE COUNTER NAMESPACE...\n");
    return 2;
}
