/* Captured states and ledgers, whole and spoiled, from which a server goes on. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

int ledger_fds[LEDGER_FILES];

void use_ledger(void)
{
    int fds[LEDGER_FILES];
    for (int i = 0; i < LEDGER_FILES; i++) {
        fds[i] = dup(ledger_fds[i]);
    }
    ledger_open(&server.ledger, fds);
}

/* Bytes are changed, and the sums of their entries as well. */
static void spoil_ledger(int fd)
{
    struct ledger_entry entry;
    off_t at = sizeof(struct ledger_file);
    while (pread(fd, &entry, sizeof entry, at) == sizeof entry && entry.length > 0) {
        uint8_t *bytes = malloc(entry.length);
        if (bytes == NULL || pread(fd, bytes, entry.length, at + (off_t)sizeof entry) != (ssize_t)entry.length) {
            free(bytes);
            return;
        }
        if (draw(20) == 0) {
            bytes[draw(entry.length)] = (uint8_t)draw(256);
        }
        entry.sum = ledger_sum(bytes, entry.length);
        if (pwrite(fd, &entry, sizeof entry, at) < 0 || pwrite(fd, bytes, entry.length, at + (off_t)sizeof entry) < 0) {
            fail("the ledger");
        }
        free(bytes);
        at += (off_t)(sizeof entry + entry.length);
    }
}

/* But for what a ledger has not: where numbers go on, and which open files have no name any more. */
static uint8_t *state_now(size_t *bytes)
{
    uint8_t *table = NULL;
    for (int i = 0; i < MAX_ATTACHMENTS; i++) {
        struct attachment *attachment = &server.attachments[i];
        attachment->nodes.next_generation = attachment->handles.next_generation = 0;
        for (uint32_t at = 1; at < attachment->handles.size; at++) {
            attachment->handles.all[at].lost = false;
        }
    }
    if (table_save(&server, &table, bytes) != 0) {
        fail("a table is not saved");
    }
    return table;
}

/* The one tells of the same as the other. */
static void compare_with_ledger(const uint8_t *table, size_t bytes)
{
    size_t first_bytes, second_bytes;
    if (table_load(&server, table, bytes, false) != 0) {
        fail("a table that was saved does not load");
    }
    uint8_t *first = state_now(&first_bytes);
    server_free(&server);
    if (!server_init(&server, -1, 1000)) {
        fail("no memory");
    }
    use_ledger();
    if (ledger_recover(&server) != 0) {
        fail("a ledger does not load");
    }
    uint8_t *second = state_now(&second_bytes);
    if (first_bytes != second_bytes || memcmp(first, second, first_bytes) != 0) {
        size_t at = 0;
        while (at < first_bytes && at < second_bytes && first[at] == second[at]) {
            at++;
        }
        fprintf(stderr, "table of %zu bytes, ledger's of %zu, alike up to %zu\n", first_bytes, second_bytes, at);
        fail("a ledger tells of something else");
    }
    free(first);
    free(second);
    server_free(&server);
    if (!server_init(&server, -1, 1000)) {
        fail("no memory");
    }
}

static int recover(bool is_sound, uint64_t cut)
{
    use_ledger();
    for (int i = 0; i < LEDGER_FILES && !is_sound; i++) {
        struct stat found;
        if (draw(2) && fstat(ledger_fds[i], &found) == 0 && (uint64_t)found.st_size > cut) {
            (void)!ftruncate(ledger_fds[i], found.st_size - (off_t)cut);
        } else {
            spoil_ledger(ledger_fds[i]);
        }
    }
    return ledger_recover(&server);
}

/* A state that is restored: as it is, or with bytes changed. */
void restore_table(void)
{
    uint8_t *table = NULL;
    size_t bytes = 0;
    server.port.has_session = true;
    ledger_commit(&server);
    if (table_save(&server, &table, &bytes) != 0) {
        fail("a table is not saved");
    }
    bool is_sound = draw(2);
    for (uint64_t i = is_sound ? 0 : 1 + draw(4); i-- > 0;) {
        table[draw(bytes)] = (uint8_t)draw(256);
    }
    size_t given = !is_sound && draw(3) == 0 ? draw(bytes) : bytes;
    server_free(&server);
    if (!server_init(&server, -1, 1000)) {
        fail("no memory");
    }
    if (is_sound) {
        compare_with_ledger(table, bytes);
    }
    int error = draw(2) ? recover(is_sound, draw(2000)) : table_load(&server, table, given, draw(2));
    if (is_sound && error != 0) {
        fail("a state that was saved does not load");
    }
    free(table);
    if (server.ledger.fds[0] < 0) {
        use_ledger();
    }
    ledger_clear(&server.ledger);
    if (error != 0) {
        attach_all();
        return;
    }
    /* What lost its tag gets none of the roots. */
    const char *const tags[] = {"off", "strict", "relaxed", "file"};
    for (int i = 0; i < 4; i++) {
        struct attachment *attachment = server_tagged(&server, tags[i]);
        struct statx found;
        int root = i == 3 ? file_fd : root_fd;
        if (attachment != NULL && stat_descriptor(root, &found) == 0) {
            struct identity identity = identity_of(&found);
            nodes_set_root(&attachment->nodes, dup(root), &identity);
            attachment->has_root = true;
            attachment->stat_mode = (enum stat_mode)(i % 3);
            table_take_locks(attachment);
        }
    }
    server.port.again = 0;
}
