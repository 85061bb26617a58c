/*
 * Prints the rate of this host's time-stamp counter in kHz. A guest under TCG reads the host's counter, so it must be
 * told the rate: it has no timer left to calibrate against. Measured over 200 ms of CLOCK_MONOTONIC_RAW; the reads
 * are paired and the tightest of several pairs is used, so that being descheduled between them does no harm.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct reading {
    uint64_t ticks;
    uint64_t nanoseconds;
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static struct reading tightest_pair(void)
{
    struct reading best = {0, 0};
    uint64_t best_width = UINT64_MAX;
    for (int i = 0; i < 100; i++) {
        uint64_t before = now();
        uint64_t ticks = __rdtsc();
        uint64_t after = now();
        if (after - before < best_width) {
            best_width = after - before;
            best = (struct reading){ticks, before + (after - before) / 2};
        }
    }
    return best;
}

int main(void)
{
    struct reading start = tightest_pair();
    struct timespec pause = {.tv_nsec = 200000000};
    nanosleep(&pause, NULL);
    struct reading end = tightest_pair();
    uint64_t khz = (end.ticks - start.ticks) * 1000000u / (end.nanoseconds - start.nanoseconds);
    printf("%" PRIu64 "\n", khz);
    return 0;
}
