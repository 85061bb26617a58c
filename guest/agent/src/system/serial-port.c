#include "serial-port.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MAX_NAME = 128 };

static bool has_name(const char *device, const char *wanted)
{
    char path[2 * MAX_NAME + 64], name[MAX_NAME] = "";
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%.127s/name", device);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
    if (fd >= 0) {
        close(fd);
    }
    name[strcspn(name, "\n")] = 0;
    return length > 0 && strcmp(name, wanted) == 0;
}

int open_port(const char *name)
{
    DIR *ports = opendir("/sys/class/virtio-ports");
    int fd = -1;
    for (struct dirent *entry; fd < 0 && ports != NULL && (entry = readdir(ports)) != NULL;) {
        if (entry->d_name[0] != '.' && has_name(entry->d_name, name)) {
            char path[MAX_NAME + 8];
            snprintf(path, sizeof path, "/dev/%.127s", entry->d_name);
            fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        }
    }
    if (ports != NULL) {
        closedir(ports);
    }
    return fd;
}
