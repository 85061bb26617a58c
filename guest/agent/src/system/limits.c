#include "limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct limits limits_of_root;

bool limits_add(struct limits *limits, uint32_t resource, uint64_t soft, uint64_t hard)
{
    if (resource >= MAX_LIMITS || limits->count == MAX_LIMITS || soft > hard) {
        return false;
    }
    limits->of[limits->count].resource = (int)resource;
    limits->of[limits->count].values = (struct rlimit){.rlim_cur = soft, .rlim_max = hard};
    limits->count++;
    return true;
}

bool limits_parse(struct limits *limits, const char *text)
{
    unsigned resource;
    unsigned long long soft, hard;
    int length;
    while (*text != 0) {
        if (sscanf(text, "%u %llu %llu\n%n", &resource, &soft, &hard, &length) != 3 || !limits_add(limits, resource, soft, hard)) {
            return false;
        }
        text += length;
    }
    return true;
}

int limits_apply(const struct limits *limits)
{
    for (size_t i = 0; i < limits->count; i++) {
        if (setrlimit((unsigned)limits->of[i].resource, &limits->of[i].values) < 0) {
            return errno;
        }
    }
    return 0;
}
