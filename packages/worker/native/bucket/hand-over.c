/*
 * The tool may not mount, nor open /dev/fuse. What it takes for fusermount gives it the descriptor of the file system that root has mounted
 * for it, the way fusermount gives the one that it mounts: over the socket whose number is in _FUSE_COMMFD.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bucket.h"

int hand_over(char **arguments)
{
    /* To unmount: it is not mounted here. */
    for (; *arguments != NULL; arguments++) {
        if (strcmp(*arguments, "-u") == 0) {
            return 0;
        }
    }
    const char *number = getenv("_FUSE_COMMFD");
    if (number == NULL) {
        fputs("fusermount: only a file system may start this\n", stderr);
        return 2;
    }
    char nothing = 0;
    struct iovec byte = {.iov_base = &nothing, .iov_len = 1};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    int fuse = TOOL_FUSE;
    memcpy(CMSG_DATA(header), &fuse, sizeof fuse);
    return sendmsg(atoi(number), &message, 0) == 1 ? 0 : fail("the file system cannot be handed over");
}
