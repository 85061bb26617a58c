/* What the parts of the fuzzer have in common: the server in this process, and the message that it is given next. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "../control.h"
#include "../quota.h"
#include "../server.h"
#include "../session.h"
#include "../table.h"
#include "../virtual.h"

enum { MESSAGE_ROOM = MAX_MESSAGE_BYTES + 64, CHANNELS = 4 };

#define SECRET "nobody inside may read this\n"

extern uint64_t state;
extern struct server server;
extern uint8_t message[MESSAGE_ROOM];
extern size_t length;
extern uint16_t channel;
extern uint64_t unique;
/* Of each kind of message: those that were done. A kind that never is shows that the messages are not what a guest sends. */
extern uint64_t done[64];
extern int root_fd, file_fd;
/* What a server that is killed leaves behind. */
extern int ledger_fds[LEDGER_FILES];

/* A number below that; below 0: any. */
uint64_t draw(uint64_t below);
_Noreturn void fail(const char *what);

void make_message(void);
void read_answers(void);
void attach_all(void);
void use_ledger(void);
void restore_table(void);

#endif
