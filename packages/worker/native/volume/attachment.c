#include "attachment.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "quota.h"

/* Numbers of a server that was lost must not mean something in the next. */
static uint32_t random_generation(void)
{
    uint32_t seed = 0;
    syscall(SYS_getrandom, &seed, sizeof seed, 0);
    return seed >> 1;
}

bool attachment_init(struct attachment *attachment, const char *tag, uint32_t node_limit)
{
    *attachment = (struct attachment){.is_used = true, .is_shared = true, .makes_pipes = true, .account_fd = -1};
    strncpy(attachment->tag, tag, MAX_TAG_BYTES);
    attachment->handles.next_generation = random_generation();
    if (!nodes_init(&attachment->nodes, node_limit, random_generation())) {
        attachment->is_used = false;
        return false;
    }
    return true;
}

static void drop_guest(struct attachment *attachment)
{
    for (uint32_t index = ROOT_NODE; index < attachment->nodes.size; index++) {
        lock_drop_all(attachment, index);
    }
    handles_close_all(attachment);
}

bool attachment_forget(struct attachment *attachment, uint32_t node_limit)
{
    drop_guest(attachment);
    struct node root = *node_at(&attachment->nodes, ROOT_NODE);
    node_at(&attachment->nodes, ROOT_NODE)->fd = -1;
    nodes_free(&attachment->nodes);
    attachment->channel = 0;
    attachment->minor = 0;
    if (!nodes_init(&attachment->nodes, node_limit, random_generation())) {
        if (root.fd >= 0) {
            close(root.fd);
        }
        attachment->has_root = false;
        return false;
    }
    nodes_set_root(&attachment->nodes, root.fd, &root.identity);
    return true;
}

void attachment_free(struct attachment *attachment)
{
    drop_guest(attachment);
    nodes_free(&attachment->nodes);
    quota_close(attachment);
    *attachment = (struct attachment){.is_used = false, .account_fd = -1};
}
