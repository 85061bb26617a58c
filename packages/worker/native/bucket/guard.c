/* Networks that nobody is led into, and those of them that the operator opens all the same. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bucket.h"

/* Of the guarded ranges there are some fifty (src/ip/guarded-ranges.ts). */
#define MAX_NETWORKS 256
#define MAX_TEXT 64

struct network {
    int family;
    unsigned char bytes[16];
    unsigned length;
    bool is_open;
};

static struct network networks[MAX_NETWORKS];
static size_t network_count;

static bool read_network(const char *text, struct network *network)
{
    char copy[MAX_TEXT];
    if (strlen(text) >= sizeof copy) {
        return false;
    }
    strcpy(copy, text);
    network->family = strchr(copy, ':') == NULL ? AF_INET : AF_INET6;
    unsigned most = network->family == AF_INET ? 32 : 128;
    network->length = most;
    char *slash = strchr(copy, '/');
    if (slash != NULL) {
        char *end;
        *slash = '\0';
        unsigned long length = strtoul(slash + 1, &end, 10);
        if (slash[1] == '\0' || *end != '\0' || length > most) {
            return false;
        }
        network->length = (unsigned)length;
    }
    return inet_pton(network->family, copy, network->bytes) == 1;
}

int read_guard(char **arguments)
{
    for (; *arguments != NULL; arguments += 2) {
        bool is_open = strcmp(arguments[0], "--open") == 0;
        bool is_known = is_open || strcmp(arguments[0], "--guard") == 0;
        if (!is_known || arguments[1] == NULL || network_count == MAX_NETWORKS || !read_network(arguments[1], &networks[network_count])) {
            fprintf(stderr, "fastvm-bucket: %s: no network\n", arguments[0]);
            return 2;
        }
        networks[network_count++].is_open = is_open;
    }
    return 0;
}

static bool has(const struct network *network, const unsigned char *bytes)
{
    unsigned whole = network->length / 8;
    unsigned rest = network->length % 8;
    if (memcmp(network->bytes, bytes, whole) != 0) {
        return false;
    }
    unsigned char mask = (unsigned char)(0xff << (8 - rest));
    return rest == 0 || ((network->bytes[whole] ^ bytes[whole]) & mask) == 0;
}

bool is_guarded(const struct sockaddr *address)
{
    const unsigned char *bytes;
    if (address->sa_family == AF_INET) {
        bytes = (const unsigned char *)&((const struct sockaddr_in *)address)->sin_addr;
    } else if (address->sa_family == AF_INET6) {
        bytes = (const unsigned char *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    } else {
        return true;
    }
    bool guarded = false;
    for (size_t i = 0; i < network_count; i++) {
        if (networks[i].family != address->sa_family || !has(&networks[i], bytes)) {
            continue;
        }
        if (networks[i].is_open) {
            return false;
        }
        guarded = true;
    }
    return guarded;
}
