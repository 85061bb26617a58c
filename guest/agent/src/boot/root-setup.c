#include "root-setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/limits.h"
#include "system/tools.h"

#define FOLDER "/.fastvm/setup"

enum {
    /* Sixteen lines. */
    MAX_LIMITS_BYTES = 4096,
    /* A program's arguments and environment take some KiB; the host allows no more than this. */
    MAX_INIT_BYTES = 256 * 1024,
    MAX_WORDS = 4096,
};

/* Its length, with a zero byte behind it; negative when it is not there or too long. */
static ssize_t read_file(const char *path, char *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t length = 0, got;
    while ((size_t)length < size - 1 && (got = read(fd, bytes + length, size - 1 - (size_t)length)) > 0) {
        length += got;
    }
    close(fd);
    bytes[length] = 0;
    return (size_t)length < size - 1 ? length : -1;
}

const char *read_limits(void)
{
    static char text[MAX_LIMITS_BYTES];
    if (access(FOLDER "/limits", F_OK) < 0) {
        return NULL;
    }
    if (read_file(FOLDER "/limits", text, sizeof text) < 0 || !limits_parse(&limits_of_root, text)) {
        return "they cannot be read";
    }
    return NULL;
}

/* Words that end with a zero byte each: `a` and an argument, or `e` and a variable. */
const struct handoff *read_handoff(void)
{
    static struct handoff handoff;
    static char *argv[MAX_WORDS + 1];
    /* Inherited is what every init starts with. */
    static char *env[MAX_WORDS + 4] = {(char *)"HOME=/", (char *)"TERM=linux", (char *)"PATH=" DEFAULT_PATH};
    char *bytes = malloc(MAX_INIT_BYTES);
    ssize_t length = bytes == NULL ? -1 : read_file(FOLDER "/init", bytes, MAX_INIT_BYTES);
    if (length <= 0) {
        free(bytes);
        return NULL;
    }
    size_t argc = 0, envc = 3;
    for (char *word = bytes; word < bytes + length && argc < MAX_WORDS && envc < MAX_WORDS + 3; word += strlen(word) + 1) {
        if (*word == 'a') {
            argv[argc++] = word + 1;
        } else if (*word == 'e') {
            /* In place of an inherited one of its name. */
            const char *equals = strchr(word + 1, '=');
            size_t name = equals == NULL ? 0 : (size_t)(equals - word);
            size_t at = 0;
            while (at < envc && (name == 0 || strncmp(env[at], word + 1, name) != 0)) {
                at++;
            }
            env[at] = word + 1;
            envc += at == envc;
        }
    }
    handoff = (struct handoff){.argv = argv, .env = env};
    return argc == 0 ? NULL : &handoff;
}
