/* A file, a link or an empty folder; with VERB_RECURSIVE a folder and all that is in it, of which nothing outside is reached by a link. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "link/protocol.h"
#include "verbs.h"

enum { OPEN_FOLDERS = 32 };

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *place)
{
    (void)found;
    (void)type;
    (void)place;
    /* Somebody else may have removed it meanwhile, which is as good. */
    return remove(path) < 0 && errno != ENOENT ? errno : 0;
}

int verb_remove(const struct verb_request *request)
{
    struct stat found;
    if (lstat(request->path, &found) < 0) {
        return errno;
    }
    if (!S_ISDIR(found.st_mode) || (request->flags & VERB_RECURSIVE) == 0) {
        return remove(request->path) < 0 ? errno : 0;
    }
    /* Not beyond its filesystem: what is mounted below is not part of the folder. */
    int error = nftw(request->path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return error < 0 ? errno : error;
}
