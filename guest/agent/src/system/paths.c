#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int make_parents(const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL) {
        return ENOMEM;
    }
    int error = 0;
    for (char *slash = strchr(copy + 1, '/'); slash != NULL && error == 0; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0755) < 0 && errno != EEXIST) {
            error = errno;
        }
        *slash = '/';
    }
    free(copy);
    return error;
}

/* Tries before giving up: names are taken only by those who want to be in the way, and by files of agents that were killed. */
enum { MAX_NAMES_TRIED = 100 };

/* What an identity writes is smaller; anything larger is written without a look. */
enum { MAX_COMPARED_BYTES = 4096 };

int open_temporary(const char *path, char **temporary)
{
    static unsigned counter;
    const char *slash = strrchr(path, '/');
    int folder_length = slash == NULL ? 0 : (int)(slash - path) + 1;
    size_t room = (size_t)folder_length + 64;
    *temporary = malloc(room);
    if (*temporary == NULL) {
        return -ENOMEM;
    }
    int fd = -1;
    errno = EEXIST;
    for (int tried = 0; fd < 0 && errno == EEXIST && tried < MAX_NAMES_TRIED; tried++) {
        snprintf(*temporary, room, "%.*s.fastvm-%d-%u.part", folder_length, path, (int)getpid(), counter++);
        /* Never one that is there: in a folder that others write to, it would be theirs to read and to change. */
        fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    if (fd < 0) {
        int error = errno;
        free(*temporary);
        *temporary = NULL;
        return -error;
    }
    return fd;
}

static int write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return 0;
}

int write_whole(const char *path, const uint8_t *bytes, size_t length, mode_t mode)
{
    char *temporary;
    int fd = open_temporary(path, &temporary);
    if (fd < 0) {
        return -fd;
    }
    int error = write_all(fd, bytes, length);
    if (error == 0 && fchmod(fd, mode) < 0) {
        error = errno;
    }
    if (close(fd) < 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && rename(temporary, path) < 0) {
        error = errno;
    }
    if (error != 0) {
        unlink(temporary);
    }
    free(temporary);
    return error;
}

/* A plain file that has one name and is the caller's: what is written to it changes for nobody else. */
static bool may_change_in_place(const struct stat *status, mode_t mode)
{
    return S_ISREG(status->st_mode) && status->st_nlink == 1 && status->st_uid == geteuid() &&
           (status->st_mode & 07777) == mode;
}

static bool holds(int fd, const uint8_t *bytes, size_t length)
{
    uint8_t found[MAX_COMPARED_BYTES];
    return length <= sizeof found && pread(fd, found, length, 0) == (ssize_t)length && memcmp(found, bytes, length) == 0;
}

static int change_in_place(int fd, off_t old_length, const uint8_t *bytes, size_t length)
{
    if ((off_t)length == old_length && holds(fd, bytes, length)) {
        return 0;
    }
    int error = write_all(fd, bytes, length);
    return error == 0 && (off_t)length < old_length && ftruncate(fd, (off_t)length) < 0 ? errno : error;
}

int overwrite(const char *path, const uint8_t *bytes, size_t length, mode_t mode)
{
    /* Without O_NONBLOCK a FIFO of that name would hold the caller. */
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0 || !may_change_in_place(&status, mode)) {
        if (fd >= 0) {
            close(fd);
        }
        return write_whole(path, bytes, length, mode);
    }
    int error = change_in_place(fd, status.st_size, bytes, length);
    close(fd);
    return error;
}
