/* Files that are written whole, overwritten and replaced; which kernels may name free pages. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/verbs.h"
#include "system/paths.h"
#include "unit.h"

static void files_are_written_whole(const char *folder)
{
    char path[256];
    struct stat found;
    snprintf(path, sizeof path, "%s/a/b/file", folder);
    CHECK(write_whole(path, (const uint8_t *)"x", 1, 0600) == ENOENT);
    CHECK(make_parents(path) == 0 && make_parents(path) == 0);
    CHECK(write_whole(path, (const uint8_t *)"content", 7, 0751) == 0);
    CHECK(stat(path, &found) == 0 && found.st_size == 7 && (found.st_mode & 07777) == 0751);
    unlink(path);
    snprintf(path, sizeof path, "%s/a/b", folder);
    CHECK(write_whole(path, (const uint8_t *)"x", 1, 0600) != 0);
    CHECK(rmdir(path) == 0);
    snprintf(path, sizeof path, "%s/a", folder);
    CHECK(rmdir(path) == 0); /* No temporary file was left. */
}

static void expect_text(const char *path, const char *text)
{
    char found[64] = "";
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, found, sizeof found - 1) == (ssize_t)strlen(text) && strcmp(found, text) == 0);
    close(fd);
}

static ino_t inode_of(const char *path)
{
    struct stat found;
    CHECK(lstat(path, &found) == 0);
    return found.st_ino;
}

static void files_are_overwritten_where_that_is_safe(const char *folder)
{
    char path[256], other[256];
    snprintf(path, sizeof path, "%s/file", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    CHECK(overwrite(path, (const uint8_t *)"the first", 9, 0644) == 0);
    ino_t first = inode_of(path);
    CHECK(overwrite(path, (const uint8_t *)"second", 6, 0644) == 0 && inode_of(path) == first);
    expect_text(path, "second");
    /* What it holds already is not written. */
    struct stat before, after;
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    CHECK(utimensat(AT_FDCWD, path, long_ago, 0) == 0 && stat(path, &before) == 0);
    CHECK(overwrite(path, (const uint8_t *)"second", 6, 0644) == 0 && stat(path, &after) == 0);
    CHECK(after.st_mtim.tv_sec == 1);
    CHECK(overwrite(path, (const uint8_t *)"longer than that", 16, 0644) == 0 && inode_of(path) == first);
    expect_text(path, "longer than that");
    /* Another mode, another name, a link: somebody else may read it, or it is somebody else's. */
    CHECK(overwrite(path, (const uint8_t *)"closed", 6, 0600) == 0 && stat(path, &after) == 0);
    CHECK((after.st_mode & 07777) == 0600);
    CHECK(link(path, other) == 0 && overwrite(path, (const uint8_t *)"mine", 4, 0600) == 0);
    expect_text(path, "mine");
    expect_text(other, "closed");
    CHECK(unlink(path) == 0 && symlink(other, path) == 0 && overwrite(path, (const uint8_t *)"mine", 4, 0600) == 0);
    expect_text(path, "mine");
    expect_text(other, "closed");
    CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0 && overwrite(path, (const uint8_t *)"mine", 4, 0600) == 0);
    expect_text(path, "mine");
    CHECK(unlink(path) == 0 && unlink(other) == 0);
}

/* Who has the old file open goes on reading it: nothing is written in place. */
static void files_are_replaced_not_changed(const char *folder)
{
    char path[256], trap[512], text[16] = "";
    struct stat found;
    snprintf(path, sizeof path, "%s/file", folder);
    CHECK(write_whole(path, (const uint8_t *)"old", 3, 0644) == 0);
    int old = open(path, O_RDONLY);
    CHECK(write_whole(path, (const uint8_t *)"newer", 5, 0600) == 0);
    CHECK(read(old, text, sizeof text) == 3 && memcmp(text, "old", 3) == 0);
    close(old);
    CHECK(stat(path, &found) == 0 && found.st_size == 5);
    /* The next name is taken by a link to what must not be written to. */
    char *temporary = NULL;
    int fd = open_temporary(path, &temporary);
    CHECK(fd >= 0);
    char *number = strrchr(temporary, '-');
    snprintf(trap, sizeof trap, "%.*s%d.part", (int)(number + 1 - temporary), temporary, atoi(number + 1) + 1);
    CHECK(link(path, trap) == 0 && write_whole(path, (const uint8_t *)"third", 5, 0644) == 0);
    old = open(trap, O_RDONLY);
    CHECK(read(old, text, sizeof text) == 5 && memcmp(text, "newer", 5) == 0);
    close(old);
    close(fd);
    CHECK(unlink(temporary) == 0 && unlink(trap) == 0 && unlink(path) == 0);
    free(temporary);
}

static void kernels_that_know_free_pages_are_told(void)
{
    CHECK(!knows_free_pages("console=ttyS0 quiet init_on_alloc=1"));
    CHECK(!knows_free_pages("init_on_free=0 page_poison=off debug_pagealloc=n"));
    CHECK(knows_free_pages("quiet init_on_free=1"));
    CHECK(knows_free_pages("init_on_free=0 init_on_free=on"));
    CHECK(knows_free_pages("page_poison=1\n"));
    CHECK(knows_free_pages("debug_pagealloc=on"));
}

void test_files(const char *folder)
{
    files_are_written_whole(folder);
    files_are_overwritten_where_that_is_safe(folder);
    files_are_replaced_not_changed(folder);
    kernels_that_know_free_pages_are_told();
}
