#ifndef NETFILTER_H
#define NETFILTER_H

#include <stdint.h>
#include <stdio.h>

struct hits {
    uint64_t packets;
    uint64_t bytes;
};

/* A socket of the network namespace that the caller is in, or -1 with errno. */
int open_netfilter(void);

/* Prints a line for each element of a set of the family inet whose keys are names of interfaces. -1 with errno. */
int print_set(int netfilter, FILE *out, const char *table, const char *set);

/* Of a named counter of the family inet. -1 with errno. */
int read_counter(int netfilter, const char *table, const char *name, struct hits *hits);

#endif
