// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CMeasure.h"
#include <dlfcn.h>
#include <time.h>

uint64_t measure_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// As in CMallocCount.h, which is not included: linking to it would bring the counting into every row.
struct counts {
    uint64_t allocations;
    int64_t live_bytes;
};

bool measure_malloc(uint64_t *allocations, int64_t *live_bytes) {
    static void (*read)(struct counts *);
    if (!read) read = (void (*)(struct counts *))dlsym(RTLD_DEFAULT, "malloc_count_read");
    if (!read) return false;
    struct counts counts;
    read(&counts);
    *allocations = counts.allocations;
    *live_bytes = counts.live_bytes;
    return true;
}
