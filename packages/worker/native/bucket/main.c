/* The verbs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bucket.h"

static const char USAGE[] =
    "usage: fastvm-bucket run <proxy> [argument...] -- <tool> [argument...]\n"
    "       fastvm-bucket proxy [--guard <network>...] [--open <network>...]\n"
    "       fusermount ...   (the same program by that name)\n"
    "\n"
    "run gives the proxy descriptors 3 and 4, and the tool 5 and 6; it takes the file system's as 3. `---` stands for `--` in commands.\n";

int fail(const char *what)
{
    fprintf(stderr, "fastvm-bucket: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash == NULL ? argv[0] : slash + 1;
    if (strncmp(name, "fusermount", strlen("fusermount")) == 0) {
        return hand_over(argv + 1);
    }
    if (argc > 2 && strcmp(argv[1], "run") == 0) {
        return run_tool(argv + 2);
    }
    if (argc > 1 && strcmp(argv[1], "proxy") == 0) {
        return run_proxy(argv + 2);
    }
    fputs(USAGE, stderr);
    return 2;
}
