/* The worker's connections: a line is asked, a line of JSON is answered. */
#ifndef VOLUME_CONTROL_H
#define VOLUME_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;
struct control;

/* NULL when there are too many; the descriptor is the connection's otherwise. */
struct control *control_open(struct server *server, int fd);
void control_close(struct control *control);
/* Reads and answers, or writes on. */
void control_ready(struct server *server, struct control *control);
void control_flush_all(struct server *server);

/* What a line is made of. */
struct words {
    char *verb;
    char *keys[16];
    char *values[16];
    size_t count;
};

/* NULL where the line has no such word. */
const char *word(const struct words *words, const char *key);
/* Cuts a line in place. False when it is none. */
bool words_parse(struct words *words, char *line);

/* Text that an answer is made of. */
struct answer {
    char *text;
    size_t length;
    size_t size;
    /* What follows the line. */
    uint8_t *bytes;
    size_t byte_count;
};
void answer_add(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Does what a line asks for. 0, or an errno that is answered. */
int control_do(struct server *server, struct control *control, const struct words *words, struct answer *answer);

#endif
