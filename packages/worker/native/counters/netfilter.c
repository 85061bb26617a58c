/* What nftables has counted, by the kernel's own messages: elements of sets and named counters. See nf_tables.h of the kernel. */
#include "netfilter.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the kernel's answers none is larger. */
#define ANSWER_BYTES 65536
/* A list that changed while it was read is read again. */
#define MAX_ATTEMPTS 8

struct request {
    struct nlmsghdr header;
    struct nfgenmsg family;
    char attributes[512];
};

struct answer {
    char bytes[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static const char *payload(const struct nlattr *attribute)
{
    return (const char *)attribute + NLA_HDRLEN;
}

static size_t payload_bytes(const struct nlattr *attribute)
{
    return attribute->nla_len - NLA_HDRLEN;
}

/* The first attribute of a kind, or of any kind where that is -1; NULL where there is none. `after` one of them, or NULL. */
static const struct nlattr *find(const char *bytes, size_t size, const struct nlattr *after, int type)
{
    size_t at = after == NULL ? 0 : (size_t)((const char *)after - bytes) + NLA_ALIGN(after->nla_len);
    while (at + NLA_HDRLEN <= size) {
        const struct nlattr *attribute = (const struct nlattr *)(bytes + at);
        if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > size - at)
            return NULL;
        if (type == -1 || (attribute->nla_type & NLA_TYPE_MASK) == type)
            return attribute;
        at += NLA_ALIGN(attribute->nla_len);
    }
    return NULL;
}

static const struct nlattr *find_in(const struct nlattr *parent, int type)
{
    return parent == NULL ? NULL : find(payload(parent), payload_bytes(parent), NULL, type);
}

static uint64_t number(const struct nlattr *attribute)
{
    uint64_t value = 0;
    if (attribute != NULL && payload_bytes(attribute) == sizeof value)
        memcpy(&value, payload(attribute), sizeof value);
    return be64toh(value);
}

static struct hits hits_of(const struct nlattr *counter)
{
    return (struct hits){number(find_in(counter, NFTA_COUNTER_PACKETS)), number(find_in(counter, NFTA_COUNTER_BYTES))};
}

static void begin(struct request *request, int type, int flags)
{
    memset(request, 0, sizeof *request);
    request->header.nlmsg_len = NLMSG_LENGTH(sizeof request->family);
    request->header.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | type;
    request->header.nlmsg_flags = NLM_F_REQUEST | flags;
    request->family.nfgen_family = NFPROTO_INET;
    request->family.version = NFNETLINK_V0;
}

static int add(struct request *request, int type, const void *value, size_t size)
{
    if (request->header.nlmsg_len + NLA_HDRLEN + NLA_ALIGN(size) > sizeof *request)
        return errno = ENAMETOOLONG, -1;
    struct nlattr *attribute = (struct nlattr *)((char *)request + request->header.nlmsg_len);
    attribute->nla_type = type;
    attribute->nla_len = NLA_HDRLEN + size;
    memcpy((char *)attribute + NLA_HDRLEN, value, size);
    request->header.nlmsg_len += NLA_ALIGN(attribute->nla_len);
    return 0;
}

static int add_text(struct request *request, int type, const char *text)
{
    return add(request, type, text, strlen(text) + 1);
}

int open_netfilter(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
}

static int ask(int netfilter, const struct request *request)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    return sendto(netfilter, request, request->header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0 ? -1 : 0;
}

static const struct nlattr *attribute_of(const struct nlmsghdr *message, int type)
{
    const size_t before = NLMSG_SPACE(sizeof(struct nfgenmsg));
    if (message->nlmsg_len < before)
        return NULL;
    return find((const char *)message + before, message->nlmsg_len - before, NULL, type);
}

static int failure_of(const struct nlmsghdr *message)
{
    const struct nlmsgerr *told = NLMSG_DATA(message);
    return message->nlmsg_len < NLMSG_LENGTH(sizeof *told) ? EBADMSG : -told->error;
}

/* Such as by a table that was put back between two parts of a long list. */
static int ended_early(const struct nlmsghdr *done)
{
    const int *result = NLMSG_DATA(done);
    return done->nlmsg_len >= NLMSG_LENGTH(sizeof *result) && *result < 0;
}

/* The expression of an element that counts: alone, or one of several. */
static const struct nlattr *counter_of(const struct nlattr *element)
{
    const struct nlattr *several = find_in(element, NFTA_SET_ELEM_EXPRESSIONS);
    const struct nlattr *expression = several == NULL ? find_in(element, NFTA_SET_ELEM_EXPR) : find_in(several, -1);
    while (expression != NULL) {
        const struct nlattr *name = find_in(expression, NFTA_EXPR_NAME);
        if (name != NULL && payload_bytes(name) == sizeof "counter" && memcmp(payload(name), "counter", sizeof "counter") == 0)
            return find_in(expression, NFTA_EXPR_DATA);
        expression = several == NULL ? NULL : find(payload(several), payload_bytes(several), expression, -1);
    }
    return NULL;
}

static void print_element(FILE *out, const char *set, const struct nlattr *element)
{
    const struct nlattr *key = find_in(find_in(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
    const struct nlattr *counter = counter_of(element);
    if (key == NULL || counter == NULL)
        return;
    const size_t size = payload_bytes(key) < IFNAMSIZ ? payload_bytes(key) : IFNAMSIZ;
    const struct hits hits = hits_of(counter);
    fprintf(out, "%s %.*s %llu %llu\n", set, (int)strnlen(payload(key), size), payload(key), (unsigned long long)hits.packets,
            (unsigned long long)hits.bytes);
}

/* 1: it changed meanwhile. */
static int print_once(int netfilter, FILE *out, const char *table, const char *set)
{
    static struct answer answer;
    struct request request;
    int is_cut = 0;
    begin(&request, NFT_MSG_GETSETELEM, NLM_F_DUMP);
    if (add_text(&request, NFTA_SET_ELEM_LIST_TABLE, table) < 0 || add_text(&request, NFTA_SET_ELEM_LIST_SET, set) < 0 ||
        ask(netfilter, &request) < 0)
        return -1;
    for (;;) {
        const ssize_t got = recv(netfilter, answer.bytes, sizeof answer.bytes, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        size_t left = got;
        for (struct nlmsghdr *message = (struct nlmsghdr *)answer.bytes; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            is_cut |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (message->nlmsg_type == NLMSG_DONE)
                return is_cut || ended_early(message);
            if (message->nlmsg_type == NLMSG_ERROR)
                return errno = failure_of(message), -1;
            const struct nlattr *elements = attribute_of(message, NFTA_SET_ELEM_LIST_ELEMENTS);
            for (const struct nlattr *element = find_in(elements, -1); element != NULL;
                 element = find(payload(elements), payload_bytes(elements), element, -1))
                print_element(out, set, element);
        }
    }
}

int print_set(int netfilter, FILE *out, const char *table, const char *set)
{
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        char *text = NULL;
        size_t size = 0;
        FILE *lines = open_memstream(&text, &size);
        if (lines == NULL)
            return -1;
        const int result = print_once(netfilter, lines, table, set);
        const int failure = errno;
        fclose(lines);
        if (result == 0)
            fwrite(text, 1, size, out);
        free(text);
        errno = failure;
        if (result <= 0)
            return result;
    }
    return errno = EAGAIN, -1;
}

int read_counter(int netfilter, const char *table, const char *name, struct hits *hits)
{
    static struct answer answer;
    struct request request;
    const uint32_t type = htonl(NFT_OBJECT_COUNTER);
    begin(&request, NFT_MSG_GETOBJ, 0);
    if (add_text(&request, NFTA_OBJ_TABLE, table) < 0 || add_text(&request, NFTA_OBJ_NAME, name) < 0 ||
        add(&request, NFTA_OBJ_TYPE, &type, sizeof type) < 0 || ask(netfilter, &request) < 0)
        return -1;
    ssize_t got;
    do
        got = recv(netfilter, answer.bytes, sizeof answer.bytes, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -1;
    const struct nlmsghdr *message = (struct nlmsghdr *)answer.bytes;
    if (!NLMSG_OK(message, (size_t)got))
        return errno = EBADMSG, -1;
    if (message->nlmsg_type == NLMSG_ERROR)
        return errno = failure_of(message), -1;
    *hits = hits_of(attribute_of(message, NFTA_OBJ_DATA));
    return 0;
}
