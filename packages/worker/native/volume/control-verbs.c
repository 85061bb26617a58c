/* What the worker may ask for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "parked.h"
#include "quota.h"
#include "server.h"
#include "table.h"
#include "virtual.h"

static bool is_tag(const char *tag)
{
    size_t length = tag == NULL ? 0 : strlen(tag);
    const char *allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return length > 0 && length <= MAX_TAG_BYTES && strspn(tag, allowed) == length;
}

static bool is_set(const struct words *words, const char *key)
{
    const char *value = word(words, key);
    return value != NULL && strcmp(value, "1") == 0;
}

/* Which of two words; false when it is neither, and `first` where none is said. */
static bool choose(const struct words *words, const char *key, const char *first, const char *second, bool *is_second)
{
    const char *value = word(words, key);
    *is_second = value != NULL && strcmp(value, second) == 0;
    return value == NULL || *is_second || strcmp(value, first) == 0;
}

static bool take_stat_mode(struct attachment *attachment, const char *value)
{
    bool is_known = true;
    if (value == NULL || strcmp(value, "off") == 0) {
        attachment->stat_mode = STAT_OFF;
    } else if (strcmp(value, "strict") == 0) {
        attachment->stat_mode = STAT_STRICT;
    } else if (strcmp(value, "relaxed") == 0) {
        attachment->stat_mode = STAT_RELAXED;
    } else {
        is_known = false;
    }
    return is_known;
}

static int take_options(struct attachment *attachment, const struct words *words)
{
    bool is_exclusive, no_pipes;
    bool sound = choose(words, "cache", "shared", "exclusive", &is_exclusive) &&
                 choose(words, "permissions", "private", "mirror", &attachment->mirrors_permissions) &&
                 choose(words, "special", "pipes", "none", &no_pipes) &&
                 choose(words, "close", "kept", "passed", &attachment->passes_close) && take_stat_mode(attachment, word(words, "stat"));
    attachment->is_shared = !is_exclusive;
    attachment->makes_pipes = !no_pipes;
    attachment->readonly = is_set(words, "readonly");
    attachment->floor = word(words, "floor") == NULL ? 0 : strtoull(word(words, "floor"), NULL, 10);
    return sound ? 0 : EINVAL;
}

static int take_root(struct attachment *attachment, struct control *control, const struct words *words, bool *is_folder)
{
    struct statx found;
    const char *quota = word(words, "quota");
    if (stat_descriptor(control->received[0], &found) < 0) {
        return errno;
    }
    struct identity identity = identity_of(&found);
    *is_folder = identity.type == S_IFDIR;
    if (!*is_folder && identity.type != S_IFREG) {
        return EINVAL;
    }
    /* What is open would not be found beneath another. */
    if (attachment->is_parked && !is_same(&identity, &node_at(&attachment->nodes, ROOT_NODE)->identity)) {
        return ESTALE;
    }
    const char *owner = word(words, "owner");
    attachment->host_owner = owner == NULL ? geteuid() : (uid_t)strtoul(owner, NULL, 10);
    if (attachment->stat_mode != STAT_OFF) {
        int error = virtual_probe(attachment, control->received[0]);
        if (error != 0 && attachment->stat_mode == STAT_STRICT) {
            return error;
        }
    }
    if (quota != NULL) {
        int error = control->received[1] < 0 ? EINVAL : quota_open(attachment, control->received[1], strtoull(quota, NULL, 10));
        if (error != 0) {
            return error;
        }
        control->received[1] = -1;
    }
    nodes_set_root(&attachment->nodes, control->received[0], &identity);
    control->received[0] = -1;
    attachment->has_root = true;
    return 0;
}

static int attach(struct server *server, struct control *control, const struct words *words, struct answer *answer)
{
    const char *tag = word(words, "tag");
    if (!is_tag(tag) || control->received[0] < 0) {
        return EINVAL;
    }
    struct attachment *attachment = server_tagged(server, tag);
    bool is_expected = attachment != NULL;
    if (is_expected && attachment->has_root) {
        return EEXIST;
    }
    attachment = is_expected ? attachment : server_add(server, tag);
    if (attachment == NULL) {
        return errno;
    }
    bool is_folder = false;
    int error = take_options(attachment, words);
    error = error != 0 ? error : take_root(attachment, control, words, &is_folder);
    if (error != 0) {
        if (!is_expected) {
            server_remove(server, attachment);
        }
        return error;
    }
    if (is_expected) {
        table_take_locks(attachment);
        server->ledger.is_due = true;
    }
    if (attachment->is_parked) {
        attachment_unpark(attachment);
    }
    if (!server->may_greet && !server->goes_on) {
        ledger_clear(&server->ledger); /* Of another life. */
    }
    server->may_greet = true;
    answer_add(answer, ",\"type\":\"%s\"", is_folder ? "folder" : "file");
    return 0;
}

static int set(struct server *server, const struct words *words, struct answer *answer)
{
    const char *tag = word(words, "tag");
    struct attachment *attachment = tag == NULL ? NULL : server_tagged(server, tag);
    bool is_exclusive;
    if (attachment == NULL) {
        return ENOENT;
    }
    if (!choose(words, "cache", "shared", "exclusive", &is_exclusive)) {
        return EINVAL;
    }
    if (word(words, "cache") != NULL) {
        answer_add(answer, ",\"settleMs\":%d", is_exclusive || attachment->is_shared ? 0 : KEPT_MS);
        attachment->is_shared = !is_exclusive;
    }
    attachment->readonly = attachment->readonly || is_set(words, "readonly");
    if (word(words, "quota") != NULL) {
        if (attachment->account == NULL) {
            return EINVAL;
        }
        attachment->quota = strtoull(word(words, "quota"), NULL, 10);
    }
    return 0;
}

static void list(struct server *server, struct answer *answer)
{
    const char *separator = "";
    answer_add(answer, ",\"attachments\":[");
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        const struct attachment *attachment = &server->attachments[i];
        if (!attachment->is_used) {
            continue;
        }
        answer_add(answer,
                   "%s{\"tag\":\"%s\",\"attached\":%s,\"mounted\":%s,\"nodes\":%u,\"handles\":%u,\"locks\":%u,\"waiting\":%zu,"
                   "\"readonly\":%s,\"cache\":\"%s\",\"quotaUsed\":%llu}",
                   separator, attachment->tag, attachment->has_root ? "true" : "false",
                   attachment->channel != 0 ? "true" : "false", attachment->nodes.count, attachment->handles.count,
                   attachment->lock_count, attachment->channel == 0 ? 0 : waiting_of(server, attachment->channel),
                   attachment->readonly ? "true" : "false", attachment->is_shared ? "shared" : "exclusive",
                   (unsigned long long)quota_used(attachment));
        separator = ",";
    }
    answer_add(answer, "]");
}

static void tell_counters(struct server *server, struct answer *answer)
{
    const char *separator = "";
    answer_add(answer, ",\"connected\":%s,\"unknown\":%llu,\"attachments\":[", server->port.has_session ? "true" : "false",
               (unsigned long long)server->unknown_messages);
    for (size_t i = 0; i < MAX_ATTACHMENTS; i++) {
        const struct counters *counters = &server->attachments[i].counters;
        if (!server->attachments[i].is_used) {
            continue;
        }
        answer_add(answer,
                   "%s{\"tag\":\"%s\",\"requests\":{\"read\":%llu,\"write\":%llu,\"meta\":%llu,\"lock\":%llu},\"errors\":%llu,"
                   "\"bytesRead\":%llu,\"bytesWritten\":%llu,\"ns\":%llu,\"worstNs\":%llu}",
                   separator, server->attachments[i].tag, (unsigned long long)counters->reads,
                   (unsigned long long)counters->writes, (unsigned long long)counters->others, (unsigned long long)counters->locks,
                   (unsigned long long)counters->errors, (unsigned long long)counters->bytes_read,
                   (unsigned long long)counters->bytes_written, (unsigned long long)counters->nanoseconds,
                   (unsigned long long)counters->worst_nanoseconds);
        separator = ",";
    }
    answer_add(answer, "]");
}

static int detach(struct server *server, const struct words *words)
{
    const char *tag = word(words, "tag");
    struct attachment *attachment = tag == NULL ? NULL : server_tagged(server, tag);
    if (attachment == NULL) {
        return ENOENT;
    }
    server_remove(server, attachment);
    return 0;
}

/* `check`: is said and not done. Of bytes that count for a quota the host's own counts would begin anew. */
static int park(struct server *server, const struct words *words, struct answer *answer)
{
    const char *tag = word(words, "tag");
    struct attachment *attachment = tag == NULL ? NULL : server_tagged(server, tag);
    if (attachment == NULL || !attachment->has_root) {
        return ENOENT;
    }
    if (!server->is_frozen || attachment->account != NULL) {
        return attachment->account != NULL ? EINVAL : EBUSY;
    }
    struct stat root;
    if (fstat(node_at(&attachment->nodes, ROOT_NODE)->fd, &root) < 0) {
        return errno;
    }
    answer_add(answer, ",\"lost\":%u,\"device\":%llu,\"inode\":%llu", parked_would_lose(attachment), (unsigned long long)root.st_dev,
               (unsigned long long)root.st_ino);
    if (!is_set(words, "check")) {
        attachment_park(attachment);
    }
    return 0;
}

static int save(struct server *server, struct answer *answer)
{
    if (!server->is_frozen) {
        return EBUSY;
    }
    int error = table_save(server, &answer->bytes, &answer->byte_count);
    if (error == 0) {
        answer_add(answer, ",\"bytes\":%zu", answer->byte_count);
    }
    return error;
}

static int load(struct server *server, const struct control *control, const struct words *words)
{
    bool reclaims;
    if (control->body == NULL || !choose(words, "locks", "lost", "reclaim", &reclaims)) {
        return EINVAL;
    }
    int error = table_load(server, control->body, control->body_length, reclaims);
    if (error == 0) {
        server->goes_on = true;
        ledger_write(server);
    }
    return error;
}

/* The ledger stays as it is until the guest is there. */
static int recover(struct server *server)
{
    int error = server->may_greet || server->has_table ? EBUSY : ledger_recover(server);
    server->goes_on = error == 0;
    return error;
}

int control_do(struct server *server, struct control *control, const struct words *words, struct answer *answer)
{
    const char *verb = words->verb;
    int error = 0;
    if (strcmp(verb, "attach") == 0) {
        error = attach(server, control, words, answer);
    } else if (strcmp(verb, "set") == 0) {
        error = set(server, words, answer);
    } else if (strcmp(verb, "detach") == 0) {
        error = detach(server, words);
    } else if (strcmp(verb, "list") == 0) {
        list(server, answer);
    } else if (strcmp(verb, "stats") == 0) {
        tell_counters(server, answer);
    } else if (strcmp(verb, "park") == 0) {
        error = park(server, words, answer);
    } else if (strcmp(verb, "thaw") == 0 && server_has_parked(server)) {
        error = EBUSY;
    } else if (strcmp(verb, "freeze") == 0 || strcmp(verb, "thaw") == 0) {
        server->is_frozen = verb[0] == 'f';
        server->leaseholder = server->is_frozen && is_set(words, "lease") ? control : NULL;
    } else if (strcmp(verb, "save") == 0) {
        error = save(server, answer);
    } else if (strcmp(verb, "load") == 0) {
        error = load(server, control, words);
    } else if (strcmp(verb, "recover") == 0) {
        error = recover(server);
    } else if (strcmp(verb, "quit") == 0) {
        server->is_over = true;
    } else if (strcmp(verb, "ping") != 0) {
        error = EINVAL;
    }
    return error;
}
