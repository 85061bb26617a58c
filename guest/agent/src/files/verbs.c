#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link/fields.h"
#include "link/protocol.h"
#include "system/paths.h"
#include "volumes/mount.h"
#include "volumes/plain-mount.h"

enum { DEFAULT_FOLDER_MODE = 0755 };

static bool is_absolute(const char *path)
{
    return path != NULL && path[0] == '/';
}

static void take_field(struct verb_request *request, const struct field *field)
{
    switch (field->tag) {
    case TAG_VERB:
        request->verb = field_u16(field, 0);
        break;
    case TAG_PATH:
        free(request->path);
        request->path = field_string(field);
        break;
    case TAG_TO:
        free(request->to);
        request->to = field_string(field);
        break;
    case TAG_USER:
        free(request->user);
        request->user = field_string(field);
        break;
    case TAG_VOLUME:
        free(request->volume);
        request->volume = field_string(field);
        break;
    case TAG_FSTYPE:
        free(request->fstype);
        request->fstype = field_string(field);
        break;
    case TAG_MODE:
        request->mode = field_u32(field) & 07777;
        request->has_mode = true;
        break;
    case TAG_DEPTH:
        request->depth = field_u32(field);
        break;
    case TAG_FLAGS:
        request->flags = field_u32(field);
        break;
    case TAG_DISK:
        request->disk = field_u32(field);
        break;
    case TAG_SIZE:
        request->size = field_u64(field);
        break;
    }
}

bool verb_request_parse(struct verb_request *request, const uint8_t *bytes, size_t length)
{
    *request = (struct verb_request){.depth = 1, .disk = NO_DISK};
    struct field_reader reader = fields_open(bytes, length);
    struct field field;
    while (fields_next(&reader, &field)) {
        take_field(request, &field);
    }
    return !reader.broken && is_absolute(request->path) && (request->to == NULL || is_absolute(request->to));
}

void verb_request_free(struct verb_request *request)
{
    free(request->path);
    free(request->to);
    free(request->user);
    free(request->volume);
    free(request->fstype);
}

static int describe(const struct verb_request *request, int out)
{
    struct stat found;
    int failed = request->flags & VERB_FOLLOW ? stat(request->path, &found) : lstat(request->path, &found);
    return failed ? errno : entry_write(out, request->path, &found);
}

/* With its parents. What is there already is EEXIST, also when it is a folder: whoever does not mind can tell. */
static int make_folder(const struct verb_request *request)
{
    mode_t mode = request->has_mode ? request->mode : DEFAULT_FOLDER_MODE;
    int error = make_parents(request->path);
    if (error != 0) {
        return error;
    }
    if (mkdir(request->path, mode) < 0) {
        return errno;
    }
    /* The umask takes nothing of what was asked for. */
    return chmod(request->path, mode) < 0 ? errno : 0;
}

static int move(const struct verb_request *request)
{
    if (request->to == NULL) {
        return EINVAL;
    }
    int error = make_parents(request->to);
    if (error != 0) {
        return error;
    }
    return rename(request->path, request->to) < 0 ? errno : 0;
}

static int set_mode(const struct verb_request *request)
{
    if (!request->has_mode) {
        return EINVAL;
    }
    return chmod(request->path, request->mode) < 0 ? errno : 0;
}

int verb_run(const void *bytes, int out)
{
    const struct verb_request *request = bytes;
    switch (request->verb) {
    case VERB_STAT:
        return describe(request, out);
    case VERB_LIST:
        return verb_list(request, out);
    case VERB_MAKE_FOLDER:
        return make_folder(request);
    case VERB_REMOVE:
        return verb_remove(request);
    case VERB_RENAME:
        return move(request);
    case VERB_SET_MODE:
        return set_mode(request);
    case VERB_WATCH:
        return verb_watch(request, out);
    case VERB_DROP_CACHES:
        return verb_drop_caches(request);
    case VERB_FREE_PAGES:
        return verb_free_pages(request, out);
    case VERB_MOUNT:
        return request->volume == NULL ? EINVAL : volume_mount(request->volume, request->path, request->flags);
    case VERB_UNMOUNT:
        return request->volume == NULL ? EINVAL : volume_unmount(request->volume, request->path, request->flags);
    case VERB_MOUNT_TMPFS:
        return tmpfs_mount(request->path, request->size, request->flags);
    case VERB_MOUNT_DISK:
        return disk_mount(request->disk, request->fstype, request->path, request->flags);
    case VERB_UNMOUNT_PLAIN:
        return plain_unmount(request->disk, request->path, request->flags);
    default:
        return EINVAL;
    }
}
