/* What somebody has had written into a root before its first boot: how its processes are to be limited, and who is to be process 1. */
#ifndef FASTVM_ROOT_SETUP_H
#define FASTVM_ROOT_SETUP_H

/* Both end with NULL. */
struct handoff {
    char **argv;
    char **env;
};

/* Into `limits_of_root`. 0, or what is wrong. */
const char *read_limits(void);

/* The init that is asked for; NULL when none is. Its first argument is `auto` where it is to be looked for. */
const struct handoff *read_handoff(void);

#endif
