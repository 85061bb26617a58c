/* Processes of the agent that mount: each opens a channel, mounts, and hands the kernel's end over. */
#include <errno.h>
#include <string.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pump.h"

void client_tell(int client, uint32_t error, uint32_t mode)
{
    const struct client_answer answer = {.error = error, .mode = mode};
    if (client >= 0) {
        ssize_t sent = send(client, &answer, sizeof answer, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)sent;
    }
}

void clients_accept(struct pump *pump)
{
    int fd = accept4(pump->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof peer;
    if (fd < 0) {
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid()) {
        for (size_t i = 0; i < MAX_CLIENTS; i++) {
            if (pump->clients[i] < 0) {
                pump->clients[i] = fd;
                return;
            }
        }
    }
    close(fd);
}

static uint32_t open_channel(struct pump *pump, int client, const char *tag)
{
    if (pump_tagged(pump, tag) != NULL) {
        return EBUSY;
    }
    for (uint16_t i = 0; i < MAX_CHANNELS; i++) {
        struct channel *channel = &pump->channels[i];
        if (channel->number != 0) {
            continue;
        }
        *channel = (struct channel){.number = (uint16_t)(i + 1), .fd = -1, .client = client};
        strcpy(channel->tag, tag);
        if (sent_copy(&pump->sent, WIRE_OPEN, channel->number, tag, strlen(tag))) {
            return 0;
        }
        channel->number = 0;
        return ENOMEM;
    }
    return EMFILE;
}

static void take_mounted(struct pump *pump, int client, const char *tag, int fd)
{
    struct channel *channel = pump_tagged(pump, tag);
    if (fd < 0 || channel == NULL || channel->client != client || channel->fd >= 0) {
        client_tell(client, EINVAL, 0);
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    channel->fd = fd;
}

/* One descriptor at most comes along. */
static ssize_t receive(int client, struct client_request *request, int *fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } ancillary;
    struct iovec part = {.iov_base = request, .iov_len = sizeof *request};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
    ssize_t bytes = recvmsg(client, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = bytes > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    *fd = -1;
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        memcpy(fd, CMSG_DATA(header), sizeof *fd);
    }
    return bytes;
}

/* What it began and did not end is undone; a mount that is in use stays. */
static void forget(struct pump *pump, int *client)
{
    for (size_t i = 0; i < MAX_CHANNELS; i++) {
        struct channel *channel = &pump->channels[i];
        if (channel->number != 0 && channel->client == *client) {
            channel->client = -1;
            if (channel->fd < 0) {
                channel_close(pump, channel);
            }
        }
    }
    close(*client);
    *client = -1;
}

void client_read(struct pump *pump, int *client)
{
    struct client_request request;
    int fd;
    ssize_t bytes = receive(*client, &request, &fd);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (bytes != sizeof request || request.tag[MAX_TAG_BYTES] != 0) {
        forget(pump, client);
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    if (request.verb == CLIENT_MOUNTED) {
        take_mounted(pump, *client, request.tag, fd);
        return;
    }
    struct channel *channel = pump_tagged(pump, request.tag);
    uint32_t error = 0;
    if (request.verb == CLIENT_OPEN) {
        error = open_channel(pump, *client, request.tag);
        if (error == 0) {
            return; /* The server answers. */
        }
    } else if (channel == NULL) {
        error = ENOENT;
    } else {
        channel_close(pump, channel);
    }
    client_tell(*client, error, 0);
}
