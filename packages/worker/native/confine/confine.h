/* Starts a program with what it needs and nothing else. One file per concern; main.c has the order, which matters. */
#ifndef CONFINE_H
#define CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A QEMU needs a dozen paths, two devices and at most as many groups as version 1 has controllers. */
#define MAX_EXPOSED 64
#define MAX_DEVICES 8
#define MAX_GROUPS 8

/* Descriptor on which a supervisor tells the program's process id. */
#define CHANNEL 3
/* Where a program has its listeners for connections to anybody's address: IPv4, then IPv6, where there is that. */
#define LISTENER 4

struct options {
    /* The highest descriptor that stays open. */
    int keep;
    /* File in the working directory that tells how the program ended; NULL: this process becomes the program. */
    const char *record;
    bool has_user;
    uid_t user;
    const char *network;
    const char *tap;
    int tap_descriptor;
    const char *groups[MAX_GROUPS];
    size_t group_count;
    /* CLONE_NEW… */
    int namespaces;
    bool has_root;
    /* `source` or `source:target`. */
    const char *exposed[MAX_EXPOSED];
    size_t exposed_count;
    const char *devices[MAX_DEVICES];
    size_t device_count;
    /* Listeners of the loopback, at ports that the kernel chooses, to which it may lead connections to others (TPROXY). */
    bool listens;
    bool listens_ipv6;
    /* How many descriptors it may have; 0: as many as a QEMU. */
    unsigned long descriptors;
    bool has_file_size;
    unsigned long long file_size;
    char **program;
};

/* Says what failed, and why, on standard error; returns 1. */
int fail(const char *what);

/* Returns 0, or a status to exit with. */
int parse_options(int argc, char **argv, struct options *options);

/* In an own mount namespace: a root of the working directory, as /vm, and what is exposed. The working directory is /vm afterwards. */
int enter_root(const struct options *options);

/* Forks a child that is born in the group of version 2, where there is one and the kernel can; the child is told so. */
pid_t fork_in_group(const struct options *options, bool *is_in_group);

/* This process, which has one thread, into all groups (`is_in_group`: but that of version 2). */
int enter_groups(const struct options *options, bool is_in_group);

int enter_network(const struct options *options);

/* As descriptors LISTENER and the next; what was there is closed. */
int open_listeners(const struct options *options);

void offer_to_oom_killer(void);

/* Limits, user, capabilities: everything that is given up for good. */
int give_up_rights(const struct options *options);

/* For this process and what it becomes; needs no_new_privs. */
int deny_system_calls(void);

/* Waits for the program and records its end. Never returns to the program's work. */
int supervise(pid_t program, int record);

/* Prints, line by line, what this host lets us do. */
int probe(void);

#endif
