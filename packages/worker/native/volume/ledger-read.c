/* Makes a table of a ledger. What is in the file may be anything: table_load looks at what comes of it once more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/fuse.h>

#include "ledger.h"
#include "nodes.h"
#include "wire.h"

#define PUT(writer, value) table_put(writer, &(value), sizeof(value))

struct piece {
    const uint8_t *bytes;
    uint32_t length;
};

struct place {
    struct piece node;
    struct piece handle;
    struct piece locks;
};

struct mount {
    uint16_t channel;
    struct piece about;
    struct place *places;
    uint32_t size;
};

struct state {
    struct mount mounts[MAX_ATTACHMENTS];
    size_t count;
    struct piece waiting;
    struct piece *answers;
    size_t answer_count;
    size_t answer_size;
    uint64_t done;
    uint64_t sent;
    uint64_t received;
    uint64_t begun;
    uint64_t unique;
    uint16_t channel;
};

static uint32_t u32_at(struct piece piece, uint32_t at)
{
    uint32_t value = 0;
    if (piece.length >= at + sizeof value) {
        memcpy(&value, piece.bytes + at, sizeof value);
    }
    return value;
}

static uint64_t u64_at(struct piece piece, uint32_t at)
{
    uint64_t value = 0;
    if (piece.length >= at + sizeof value) {
        memcpy(&value, piece.bytes + at, sizeof value);
    }
    return value;
}

static struct mount *find(struct state *state, uint16_t channel)
{
    for (size_t i = 0; i < state->count; i++) {
        if (state->mounts[i].channel == channel) {
            return &state->mounts[i];
        }
    }
    return NULL;
}

static struct place *place_at(struct state *state, uint16_t channel, uint32_t index)
{
    struct mount *mount = find(state, channel);
    if (mount == NULL || index > 16u * DEFAULT_NODES + ROOT_NODE) {
        return NULL;
    }
    if (index >= mount->size) {
        uint32_t size = index + 1 > mount->size * 2 ? index + 1 : mount->size * 2;
        struct place *grown = realloc(mount->places, (size_t)size * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        memset(grown + mount->size, 0, (size_t)(size - mount->size) * sizeof *grown);
        mount->places = grown;
        mount->size = size;
    }
    return &mount->places[index];
}

static bool take_mount(struct state *state, uint16_t channel, struct piece piece)
{
    if (find(state, channel) != NULL || state->count == MAX_ATTACHMENTS || piece.length <= sizeof(uint32_t) ||
        piece.length > sizeof(uint32_t) + MAX_TAG_BYTES) {
        return false;
    }
    state->mounts[state->count++] = (struct mount){.channel = channel, .about = piece};
    return true;
}

static bool take_answer(struct state *state, struct piece piece)
{
    if (state->answer_count == state->answer_size) {
        size_t size = state->answer_size == 0 ? 64 : state->answer_size * 2;
        struct piece *grown = realloc(state->answers, size * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        state->answers = grown;
        state->answer_size = size;
    }
    state->answers[state->answer_count++] = piece;
    return piece.length >= sizeof(struct table_answer);
}

/* Another file in a place has none of the locks of the one before. */
static bool take_node(struct state *state, uint16_t channel, struct piece piece)
{
    struct place *place = piece.length < sizeof(struct table_node) ? NULL : place_at(state, channel, u32_at(piece, 0));
    if (place == NULL) {
        return false;
    }
    if (u32_at(place->node, 4) != u32_at(piece, 4)) {
        place->locks = (struct piece){.length = 0};
    }
    place->node = piece;
    return true;
}

static bool take_item(struct state *state, const struct ledger_item_header *header, struct piece piece)
{
    struct place *place;
    switch (header->kind) {
    case LEDGER_MOUNT:
        return take_mount(state, header->channel, piece);
    case LEDGER_NODE:
        return take_node(state, header->channel, piece);
    case LEDGER_WAITING:
        state->waiting = piece;
        return piece.length >= sizeof(uint32_t);
    case LEDGER_ANSWER:
        return take_answer(state, piece);
    case LEDGER_DONE:
        state->done = u64_at(piece, 0);
        state->sent = u64_at(piece, 8);
        state->received = u64_at(piece, 16);
        return true;
    case LEDGER_BEGUN:
        state->begun = u64_at(piece, 0);
        state->unique = u64_at(piece, 8);
        state->channel = header->channel;
        return true;
    }
    place = place_at(state, header->channel, u32_at(piece, 0));
    if (place == NULL) {
        return false;
    }
    switch (header->kind) {
    case LEDGER_HANDLE:
        place->handle = piece;
        return piece.length == sizeof(struct table_handle);
    case LEDGER_LOCKS:
        place->locks = piece;
        return piece.length >= 2 * sizeof(uint32_t);
    case LEDGER_NO_NODE:
        place->node = place->locks = (struct piece){.length = 0};
        return true;
    case LEDGER_NO_HANDLE:
        place->handle = (struct piece){.length = 0};
        return true;
    default:
        return false;
    }
}

static bool take_entry(struct state *state, const uint8_t *bytes, size_t length)
{
    struct ledger_item_header header;
    while (length >= sizeof header) {
        memcpy(&header, bytes, sizeof header);
        if (length - sizeof header < header.length || !take_item(state, &header, (struct piece){bytes + sizeof header, header.length})) {
            return false;
        }
        bytes += sizeof header + header.length;
        length -= sizeof header + header.length;
    }
    return length == 0;
}

/* The last entry may be cut; an earlier one that is cut was followed by nothing. */
static bool take_all(struct state *state, const uint8_t *bytes, size_t length)
{
    struct ledger_entry entry;
    bool has_any = false;
    while (length >= sizeof entry) {
        memcpy(&entry, bytes, sizeof entry);
        const uint8_t *items = bytes + sizeof entry;
        if (length - sizeof entry < entry.length || ledger_sum(items, entry.length) != entry.sum) {
            break;
        }
        if (!take_entry(state, items, entry.length)) {
            return false;
        }
        has_any = true;
        bytes = items + entry.length;
        length -= sizeof entry + entry.length;
    }
    return has_any;
}

static bool has_lock(struct piece locks, uint64_t handle)
{
    struct table_lock lock;
    for (uint64_t at = 2 * sizeof(uint32_t); at + sizeof lock <= locks.length;) {
        memcpy(&lock, locks.bytes + at, sizeof lock);
        if (lock.ranges > 0 && lock.handle == handle) {
            return true;
        }
        at += sizeof lock + (uint64_t)lock.ranges * sizeof(struct table_range);
    }
    return false;
}

static void put_handle(struct writer *table, const struct mount *mount, struct piece piece)
{
    struct table_handle handle;
    memcpy(&handle, piece.bytes, sizeof handle);
    uint64_t number = (uint64_t)handle.generation << 32 | handle.index;
    bool locked = handle.node < mount->size && has_lock(mount->places[handle.node].locks, number);
    handle.bits = (uint8_t)((handle.bits & ~HANDLE_HAS_LOCK) | (locked ? HANDLE_HAS_LOCK : 0));
    PUT(table, handle);
}

static void put_mount(struct writer *table, const struct mount *mount)
{
    struct table_attachment out = {
        .tag_length = (uint8_t)(mount->about.length - sizeof(uint32_t)),
        .channel = mount->channel,
        .minor = u32_at(mount->about, 0),
    };
    for (uint32_t i = 0; i < mount->size; i++) {
        const struct place *place = &mount->places[i];
        uint32_t node_generation = u32_at(place->node, 4), handle_generation = u32_at(place->handle, 4);
        out.nodes += place->node.length > 0;
        out.handles += place->handle.length > 0;
        out.locks += u32_at(place->locks, 4);
        out.node_generation = node_generation > out.node_generation ? node_generation : out.node_generation;
        out.handle_generation = handle_generation > out.handle_generation ? handle_generation : out.handle_generation;
    }
    PUT(table, out);
    table_put(table, mount->about.bytes + sizeof(uint32_t), out.tag_length);
    for (uint32_t i = 0; i < mount->size; i++) {
        table_put(table, mount->places[i].node.bytes, mount->places[i].node.length);
    }
    for (uint32_t i = 0; i < mount->size; i++) {
        if (mount->places[i].handle.length > 0) {
            put_handle(table, mount, mount->places[i].handle);
        }
    }
    for (uint32_t i = 0; i < mount->size; i++) {
        struct piece locks = mount->places[i].locks;
        if (locks.length > 0) {
            table_put(table, locks.bytes + 2 * sizeof(uint32_t), locks.length - 2 * sizeof(uint32_t));
        }
    }
}

/* Of what was begun, and is not there, nobody knows. */
static void put_answers(struct writer *table, struct state *state, bool in_doubt)
{
    uint32_t count = in_doubt;
    for (size_t i = 0; i < state->answer_count; i++) {
        count += u64_at(state->answers[i], 0) > state->received;
    }
    PUT(table, count);
    for (size_t i = 0; i < state->answer_count; i++) {
        if (u64_at(state->answers[i], 0) > state->received) {
            table_put(table, state->answers[i].bytes, state->answers[i].length);
        }
    }
    if (in_doubt) {
        const struct fuse_out_header error = {.len = sizeof error, .error = -EIO, .unique = state->unique};
        const struct table_answer answer = {state->sent, state->channel, WIRE_FUSE, 0, sizeof error};
        PUT(table, answer);
        PUT(table, error);
    }
}

static void put_state(struct writer *table, struct state *state)
{
    bool in_doubt = state->begun == state->done + 1;
    state->done += in_doubt;
    state->sent += in_doubt;
    uint32_t count = (uint32_t)state->count, none = 0;
    table_put(table, TABLE_BEGIN, TABLE_MARK_BYTES);
    PUT(table, state->done);
    PUT(table, state->sent);
    PUT(table, count);
    for (size_t i = 0; i < state->count; i++) {
        put_mount(table, &state->mounts[i]);
    }
    if (state->waiting.length > 0) {
        table_put(table, state->waiting.bytes, state->waiting.length);
    } else {
        PUT(table, none);
    }
    put_answers(table, state, in_doubt);
    table_put(table, TABLE_END, TABLE_MARK_BYTES);
}

int ledger_table(const uint8_t *bytes, size_t length, struct writer *table)
{
    struct state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        return ENOMEM;
    }
    int error = take_all(state, bytes, length) ? 0 : EINVAL;
    if (error == 0) {
        put_state(table, state);
        error = table->failed ? ENOMEM : 0;
    }
    for (size_t i = 0; i < state->count; i++) {
        free(state->mounts[i].places);
    }
    free(state->answers);
    free(state);
    return error;
}
