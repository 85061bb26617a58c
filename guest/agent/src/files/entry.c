/* What verbs tell, as fields: an entry is a file or folder, an event something that happened to one. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link/protocol.h"
#include "verbs.h"

enum { FIELD_HEADER_BYTES = 8, MAX_RECORD_BYTES = 3 * PATH_MAX };

struct record {
    uint8_t bytes[MAX_RECORD_BYTES];
    size_t length;
};

/* What does not fit is left out: a path is at most PATH_MAX long for whoever gave it to us. */
static void add(struct record *record, uint16_t tag, const void *value, size_t length)
{
    if (length + FIELD_HEADER_BYTES > sizeof record->bytes - record->length) {
        return;
    }
    const uint16_t zero = 0;
    const uint32_t length32 = (uint32_t)length;
    uint8_t *at = record->bytes + record->length;
    memcpy(at, &tag, sizeof tag);
    memcpy(at + 2, &zero, sizeof zero);
    memcpy(at + 4, &length32, sizeof length32);
    memcpy(at + FIELD_HEADER_BYTES, value, length);
    record->length += FIELD_HEADER_BYTES + length;
}

int field_write(int out, uint16_t tag, const void *value, size_t length)
{
    static struct record outer;
    outer.length = 0;
    add(&outer, tag, value, length);
    for (size_t at = 0; at < outer.length;) {
        ssize_t written = write(out, outer.bytes + at, outer.length - at);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        at += written > 0 ? (size_t)written : 0;
    }
    return 0;
}

static uint8_t type_of(mode_t mode)
{
    return S_ISREG(mode) ? ENTRY_FILE : S_ISDIR(mode) ? ENTRY_FOLDER : S_ISLNK(mode) ? ENTRY_LINK : ENTRY_OTHER;
}

int entry_write(int out, const char *path, const struct stat *found)
{
    static struct record record;
    record.length = 0;
    const uint8_t type = type_of(found->st_mode);
    const uint32_t mode = found->st_mode & 07777;
    const uint64_t size = (uint64_t)found->st_size;
    const int64_t mtime = (int64_t)found->st_mtim.tv_sec * 1000000000 + found->st_mtim.tv_nsec;
    const uint32_t uid = found->st_uid;
    const uint32_t gid = found->st_gid;
    add(&record, TAG_PATH, path, strlen(path));
    add(&record, TAG_TYPE, &type, sizeof type);
    add(&record, TAG_MODE, &mode, sizeof mode);
    add(&record, TAG_SIZE, &size, sizeof size);
    add(&record, TAG_MTIME_NS, &mtime, sizeof mtime);
    add(&record, TAG_UID, &uid, sizeof uid);
    add(&record, TAG_GID, &gid, sizeof gid);
    if (type == ENTRY_LINK) {
        char target[PATH_MAX];
        ssize_t length = readlink(path, target, sizeof target);
        if (length >= 0) {
            add(&record, TAG_TARGET, target, (size_t)length);
        }
    }
    return field_write(out, TAG_ENTRY, record.bytes, record.length);
}

int event_write(int out, uint8_t type, const char *path)
{
    static struct record record;
    record.length = 0;
    add(&record, TAG_TYPE, &type, sizeof type);
    add(&record, TAG_PATH, path, strlen(path));
    return field_write(out, TAG_EVENT, record.bytes, record.length);
}
