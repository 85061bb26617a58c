/* What each round of the loop does for the streams that there are, whatever kind they are of: they take turns. */
#ifndef FASTVM_TURNS_H
#define FASTVM_TURNS_H

#include <stdbool.h>
#include <stdint.h>

struct agent;

/* Sends more of the streams that have no readiness to wait for. */
void streams_pump(struct agent *agent);
/* Whether one of them could go on at once: those without a window wait for credit. */
bool streams_can_pump(const struct agent *agent);

void streams_tick(struct agent *agent, uint64_t now_ns);
/* Milliseconds until a stream or a job is due, -1 for none. */
int streams_next_tick_ms(const struct agent *agent, uint64_t now_ns);

/* Collects the children that have ended. */
void streams_reap(struct agent *agent);

void streams_kill(struct agent *agent);
void streams_detach(struct agent *agent);

/* Frees what was closed in this round. False if there was nothing. */
bool streams_free_dead(struct agent *agent);

#endif
