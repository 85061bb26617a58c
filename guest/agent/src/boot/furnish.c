/* An image is made to run in somebody's container, who brings the rest: names, a place for temporary files. Here that is us. */
#include "furnish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/paths.h"

#define HOSTS "/etc/hosts"
#define LOCAL_NAMES "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
#define RESOLVER "/etc/resolv.conf"
/* The gateway of every VM, which answers as the VM's policy says; guest/image/customize.sh writes the same. */
#define OUR_RESOLVER "nameserver 192.0.0.1\n"

enum { MAX_RESOLVER_BYTES = 4096 };

static void make_open_folder(const char *path)
{
    if (mkdir(path, 01777) == 0) {
        chmod(path, 01777);
    }
}

static void write_text(const char *path, const char *text)
{
    int error = write_whole(path, (const uint8_t *)text, strlen(text), 0644);
    if (error != 0) {
        dprintf(2, "fastvm-agent: %s: %s\n", path, strerror(error));
    }
}

/* Empty is as good as none: builders leave such files behind, on which they had mounted their own. */
static void name_localhost(void)
{
    struct stat found;
    if (lstat(HOSTS, &found) < 0 || (S_ISREG(found.st_mode) && found.st_size == 0)) {
        write_text(HOSTS, LOCAL_NAMES);
    }
}

/* In place of a link, too: it leads to a service that may not run, or to where the image was built. */
static void name_resolver(void)
{
    char before[MAX_RESOLVER_BYTES];
    int fd = open(RESOLVER, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, before, sizeof before);
    if (fd >= 0) {
        close(fd);
    }
    const size_t wanted = strlen(OUR_RESOLVER);
    if (length != (ssize_t)wanted || memcmp(before, OUR_RESOLVER, wanted) != 0) {
        write_text(RESOLVER, OUR_RESOLVER);
    }
}

void furnish(void)
{
    mkdir("/etc", 0755);
    mkdir("/root", 0700);
    mkdir("/var", 0755);
    make_open_folder("/tmp");
    make_open_folder("/var/tmp");
    name_localhost();
    name_resolver();
}
