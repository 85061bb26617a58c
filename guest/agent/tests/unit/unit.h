/* What the unit tests share: a count, and a function for each of their files. */
#ifndef UNIT_H
#define UNIT_H

#include <stdio.h>

extern int checks, failures;

#define CHECK(condition)                                                                                                \
    do {                                                                                                                \
        checks++;                                                                                                       \
        if (!(condition)) {                                                                                             \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                      \
            failures++;                                                                                                 \
        }                                                                                                               \
    } while (0)

void test_parser(void);
void test_link(void);
void test_files(const char *folder);
void test_identity(void);
void test_tools(void);
void test_loop(void);

#endif
