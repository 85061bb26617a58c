/* What is in a folder, down to a depth. Links are named and not followed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "verbs.h"

static bool is_self_or_parent(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* `path` has room for PATH_MAX bytes and ends in a slash at `length`. */
static int list_below(char *path, size_t length, uint32_t depth, int out)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return errno;
    }
    int error = 0;
    for (struct dirent *entry; error == 0 && (entry = readdir(folder)) != NULL;) {
        size_t name_length = strlen(entry->d_name);
        struct stat found;
        if (is_self_or_parent(entry->d_name) || length + name_length + 2 > PATH_MAX) {
            continue;
        }
        memcpy(path + length, entry->d_name, name_length + 1);
        /* It may have gone since its folder was read. */
        if (lstat(path, &found) < 0) {
            continue;
        }
        error = entry_write(out, path, &found);
        if (error == 0 && depth > 1 && S_ISDIR(found.st_mode)) {
            memcpy(path + length + name_length, "/", 2);
            int below = list_below(path, length + name_length + 1, depth - 1, out);
            /* One that may not be read has told its name; whoever reads us gone is another matter. */
            error = below == EPIPE ? EPIPE : 0;
        }
        path[length] = 0;
    }
    closedir(folder);
    return error;
}

int verb_list(const struct verb_request *request, int out)
{
    char path[PATH_MAX];
    struct stat found;
    size_t length = strlen(request->path);
    if (length + 2 > sizeof path) {
        return ENAMETOOLONG;
    }
    if (stat(request->path, &found) < 0) {
        return errno;
    }
    if (!S_ISDIR(found.st_mode)) {
        return ENOTDIR;
    }
    if (request->depth == 0) {
        return entry_write(out, request->path, &found);
    }
    memcpy(path, request->path, length + 1);
    if (path[length - 1] != '/') {
        memcpy(path + length, "/", 2);
        length++;
    }
    return list_below(path, length, request->depth, out);
}
