/* Limits of resources that a command starts with. */
#ifndef FASTVM_LIMITS_H
#define FASTVM_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

enum { MAX_LIMITS = 16 };

struct limits {
    struct {
        int resource;
        struct rlimit values;
    } of[MAX_LIMITS];
    size_t count;
};

/* Of this root: read once at boot, before anything of the image runs. */
extern struct limits limits_of_root;

/* `resource` is the kernel's number. False for one that it does not know, and when there is no room for more. */
bool limits_add(struct limits *limits, uint32_t resource, uint64_t soft, uint64_t hard);

/* Lines of `RESOURCE SOFT HARD`, all numbers. False when one is not of that form. */
bool limits_parse(struct limits *limits, const char *text);

/* Of the calling process, by system calls alone: 0 or an errno. */
int limits_apply(const struct limits *limits);

#endif
