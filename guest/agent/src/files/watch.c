/* Tells what happens in a folder, and with VERB_RECURSIVE below it, until somebody ends us or the folder is gone. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "link/protocol.h"
#include "verbs.h"

#define WATCHED (IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)

enum { EVENT_BUFFER_BYTES = 65536 };

/* Folders by their watch's number, which the kernel counts up from 1. */
struct folders {
    char **paths;
    size_t room;
};

struct watcher {
    int inotify;
    int out;
    bool is_recursive;
    int root;
    struct folders folders;
};

static int remember(struct folders *folders, int watch, const char *path)
{
    size_t index = (size_t)watch;
    if (index >= folders->room) {
        size_t room = index * 2 + 64;
        char **paths = realloc(folders->paths, room * sizeof *paths);
        if (paths == NULL) {
            return ENOMEM;
        }
        memset(paths + folders->room, 0, (room - folders->room) * sizeof *paths);
        folders->paths = paths;
        folders->room = room;
    }
    free(folders->paths[index]);
    folders->paths[index] = strdup(path);
    return folders->paths[index] == NULL ? ENOMEM : 0;
}

static const char *folder_of(const struct folders *folders, int watch)
{
    return watch > 0 && (size_t)watch < folders->room ? folders->paths[watch] : NULL;
}

static bool join(char *path, const char *folder, const char *name)
{
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    return snprintf(path, PATH_MAX, "%s%s%s", folder, slash, name) < PATH_MAX;
}

static int add_folder(struct watcher *watcher, const char *path, bool tells_entries);

/* What came into a new folder before it was watched is told as if it were seen. */
static int add_below(struct watcher *watcher, const char *path, bool tells_entries)
{
    DIR *folder = opendir(path);
    int error = 0;
    for (struct dirent *entry; folder != NULL && error == 0 && (entry = readdir(folder)) != NULL;) {
        char below[PATH_MAX];
        struct stat found;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || !join(below, path, entry->d_name) ||
            lstat(below, &found) < 0) {
            continue;
        }
        if (tells_entries) {
            error = event_write(watcher->out, EVENT_CREATE, below);
        }
        if (error == 0 && S_ISDIR(found.st_mode)) {
            error = add_folder(watcher, below, tells_entries);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return error;
}

static int add_folder(struct watcher *watcher, const char *path, bool tells_entries)
{
    int watch = inotify_add_watch(watcher->inotify, path, WATCHED | IN_ONLYDIR | IN_DONT_FOLLOW);
    if (watch < 0) {
        /* Gone again, or not ours to see. A kernel that takes no more watches must be told of. */
        return errno == ENOSPC || errno == ENOMEM ? errno : 0;
    }
    int error = remember(&watcher->folders, watch, path);
    return error == 0 ? add_below(watcher, path, tells_entries) : error;
}

/* Their paths are not true any more: if they went to a folder that is watched they are found there anew. */
static void forget_below(struct watcher *watcher, const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < watcher->folders.room; i++) {
        char *known = watcher->folders.paths[i];
        if (known != NULL && strncmp(known, path, length) == 0 && (known[length] == '/' || known[length] == 0)) {
            inotify_rm_watch(watcher->inotify, (int)i);
            free(known);
            watcher->folders.paths[i] = NULL;
        }
    }
}

static uint8_t type_of(uint32_t mask)
{
    if (mask & (IN_MOVED_FROM | IN_MOVED_TO)) {
        return EVENT_RENAME;
    }
    if (mask & IN_CREATE) {
        return EVENT_CREATE;
    }
    if (mask & IN_DELETE) {
        return EVENT_REMOVE;
    }
    return mask & IN_ATTRIB ? EVENT_CHMOD : EVENT_WRITE;
}

/* 0, ENOENT when the watched folder is gone, or another errno. */
static int tell(struct watcher *watcher, const struct inotify_event *event)
{
    char path[PATH_MAX];
    if (event->mask & IN_Q_OVERFLOW) {
        return event_write(watcher->out, EVENT_OVERFLOW, "");
    }
    if (event->wd == watcher->root && event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
        return ENOENT;
    }
    const char *folder = folder_of(&watcher->folders, event->wd);
    /* Of a folder itself its parent tells. */
    if (folder == NULL || event->len == 0 || !join(path, folder, event->name)) {
        return 0;
    }
    bool is_followed = watcher->is_recursive && (event->mask & IN_ISDIR) != 0;
    /* Whoever is told that a folder came is to see what he does in it from then on. */
    int error = is_followed && (event->mask & IN_MOVED_TO) ? add_folder(watcher, path, false) : 0;
    error = error != 0 ? error : event_write(watcher->out, type_of(event->mask), path);
    if (error != 0 || !is_followed) {
        return error;
    }
    if (event->mask & (IN_MOVED_FROM | IN_DELETE)) {
        forget_below(watcher, path);
    }
    return event->mask & IN_CREATE ? add_folder(watcher, path, true) : 0;
}

static int tell_all(struct watcher *watcher)
{
    static _Alignas(struct inotify_event) char buffer[EVENT_BUFFER_BYTES];
    for (;;) {
        ssize_t length = read(watcher->inotify, buffer, sizeof buffer);
        if (length < 0 && errno != EINTR) {
            return errno;
        }
        for (ssize_t at = 0; at < length;) {
            const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
            int error = tell(watcher, event);
            if (error != 0) {
                return error;
            }
            at += (ssize_t)sizeof *event + event->len;
        }
    }
}

int verb_watch(const struct verb_request *request, int out)
{
    struct watcher watcher = {
        .inotify = inotify_init1(IN_CLOEXEC),
        .out = out,
        .is_recursive = (request->flags & VERB_RECURSIVE) != 0,
    };
    if (watcher.inotify < 0) {
        return errno;
    }
    watcher.root = inotify_add_watch(watcher.inotify, request->path, WATCHED | IN_ONLYDIR);
    if (watcher.root < 0) {
        return errno;
    }
    int error = remember(&watcher.folders, watcher.root, request->path);
    if (error == 0 && watcher.is_recursive) {
        error = add_below(&watcher, request->path, false);
    }
    if (error == 0) {
        error = event_write(out, EVENT_READY, request->path);
    }
    return error != 0 ? error : tell_all(&watcher);
}
