/* Which program of the image is to be process 1. */
#include "find-init.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_NAME = 256 };

/* Where systemd is when no package made it the init: images often have it without. */
static const char *const USUAL[] = {"/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd"};

static bool is_program(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode) && access(path, X_OK) == 0;
}

/*
 * A busybox is an init by that name in images that never boot: without the scripts that it is made to run it would only start shells on terminals that are
 * not there, again and again.
 */
static bool is_idle_busybox(const char *path)
{
    char target[PATH_MAX];
    if (realpath(path, target) == NULL) {
        return false;
    }
    const char *last = strrchr(target, '/');
    if (last == NULL || strncmp(last + 1, "busybox", strlen("busybox")) != 0) {
        return false;
    }
    return access("/sbin/openrc", X_OK) < 0 && access("/etc/init.d/rcS", X_OK) < 0;
}

/* `fastvm.init=/path` on the kernel command line; false when there is none. */
static bool is_told(char init[MAX_NAME])
{
    char line[4096] = "";
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
    if (fd >= 0) {
        close(fd);
    }
    line[length > 0 ? length : 0] = 0;
    bool is_found = false;
    for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n")) {
        if (strncmp(word, "fastvm.init=", 12) == 0) {
            snprintf(init, MAX_NAME, "%s", word + 12);
            is_found = true;
        }
    }
    return is_found;
}

const char *find_usual_init(void)
{
    for (size_t i = 0; i < sizeof USUAL / sizeof USUAL[0]; i++) {
        if (is_program(USUAL[i])) {
            return USUAL[i];
        }
    }
    return NULL;
}

const char *find_init(void)
{
    static char told[MAX_NAME];
    if (is_told(told)) {
        return told;
    }
    for (size_t i = 0; i < sizeof USUAL / sizeof USUAL[0]; i++) {
        if (is_program(USUAL[i]) && !is_idle_busybox(USUAL[i])) {
            return USUAL[i];
        }
    }
    return NULL;
}
