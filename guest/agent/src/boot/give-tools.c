/*
 * An image may be one program and nothing else. Helpers of clients need a shell and an archiver in it, people some more: one busybox, under many names, in a
 * folder of its own; and a curl, which busybox has not. An image is given no more of the two than what it lacks.
 */
#include "give-tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/tools.h"

enum { MAX_PATH_BYTES = 128, CHUNK_BYTES = 1 << 20 };

static const char *const FOLDERS[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
/* What the helpers of the SDKs start by name. */
static const char *const NEEDED[] = {"sh", "tar", "gzip", "cat", "mkdir", "rm", "test"};
/* All that are of use in a VM that somebody else has set up: no services, nothing that partitions or boots. */
static const char *const NAMES[] = {
    "[", "ar", "arch", "ash", "awk", "base64", "basename", "bc", "bunzip2", "bzcat", "bzip2", "cat", "chgrp", "chmod", "chown",
    "chroot", "clear", "cmp", "cp", "cpio", "cut", "date", "dd", "df", "diff", "dirname", "dmesg", "du", "echo", "ed", "egrep", "env",
    "expand", "expr", "factor", "fallocate", "false", "fgrep", "find", "fold", "free", "getopt", "grep", "groups", "gunzip", "gzip",
    "halt", "head", "hexdump", "hostid", "hostname", "id", "ip", "kill", "killall", "less", "ln", "logname", "ls", "md5sum", "mkdir",
    "mkfifo", "mknod", "mktemp", "more", "mount", "mv", "nc", "netstat", "nl", "nproc", "nsenter", "nslookup", "od", "paste", "patch",
    "pidof", "ping", "poweroff", "printf", "ps", "pwd", "readlink", "realpath", "reboot", "renice", "reset", "rev", "rm", "rmdir",
    "route", "sed", "seq", "setpriv", "setsid", "sh", "sha1sum", "sha256sum", "sha512sum", "shred", "shuf", "sleep", "sort", "stat",
    "strings", "stty", "su", "sync", "sysctl", "tac", "tail", "tar", "taskset", "tee", "test", "time", "timeout", "top", "touch", "tr",
    "traceroute", "true", "truncate", "tty", "umount", "uname", "uniq", "unlink", "unshare", "unxz", "unzip", "uptime", "usleep", "vi",
    "watch", "wc", "wget", "which", "who", "whoami", "xargs", "xxd", "xz", "xzcat", "yes", "zcat",
};

struct tools open_tools(void)
{
    return (struct tools){.busybox = open("/tools/busybox", O_RDONLY | O_CLOEXEC), .curl = open("/tools/curl", O_RDONLY | O_CLOEXEC)};
}

static bool is_there(const char *name)
{
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        char path[MAX_PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", FOLDERS[i], name);
        if (access(path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

static bool lacks_basics(void)
{
    for (size_t i = 0; i < sizeof NEEDED / sizeof NEEDED[0]; i++) {
        if (!is_there(NEEDED[i])) {
            return true;
        }
    }
    return false;
}

static int copy(int from, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
    if (fd < 0) {
        return errno;
    }
    ssize_t sent;
    while ((sent = sendfile(fd, from, NULL, CHUNK_BYTES)) > 0) {
    }
    int error = sent < 0 || fchmod(fd, 0755) < 0 ? errno : 0;
    return close(fd) < 0 && error == 0 ? errno : error;
}

/* Closes `from`. Whether it is there now. */
static bool give(int from, const char *path)
{
    bool has_folder = (mkdir("/.fastvm", 0755) == 0 || errno == EEXIST) && (mkdir(TOOLS_FOLDER, 0755) == 0 || errno == EEXIST);
    int error = has_folder ? 0 : errno;
    if (error == 0) {
        /* What an image brings under this name is not ours to run. */
        unlink(path);
        error = copy(from, path);
    }
    close(from);
    if (error != 0) {
        dprintf(2, "fastvm-agent: %s: %s\n", path, strerror(error));
    }
    return error == 0;
}

static void name_basics(void)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char path[MAX_PATH_BYTES];
        snprintf(path, sizeof path, TOOLS_FOLDER "/%s", NAMES[i]);
        if (symlink("busybox", path) < 0 && errno != EEXIST) {
            dprintf(2, "fastvm-agent: %s: %s\n", path, strerror(errno));
        }
    }
}

void give_tools(struct tools tools)
{
    bool wants_basics = lacks_basics(), wants_curl = !is_there("curl");
    if (tools.busybox >= 0 && !wants_basics) {
        close(tools.busybox);
    } else if (tools.busybox >= 0 && give(tools.busybox, TOOLS_FOLDER "/busybox")) {
        name_basics();
        has_tools = true;
    }
    if (tools.curl >= 0 && !wants_curl) {
        close(tools.curl);
    } else if (tools.curl >= 0 && give(tools.curl, TOOLS_FOLDER "/curl")) {
        has_tools = true;
    }
}
