// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CMeasure.h"
#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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

uint64_t measure_processor_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t measure_resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    unsigned long long size = 0, resident = 0;
    int fields = fscanf(file, "%llu %llu", &size, &resident);
    fclose(file);
    return fields == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t measure_page_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_minflt;
}

double measure_page_fault_cost(uint64_t count, uint64_t distance) {
    size_t size = count * distance;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#if defined(MAP_NORESERVE)
    flags |= MAP_NORESERVE;
#endif
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) return 0;
#if defined(MADV_NOHUGEPAGE)
    madvise(memory, size, MADV_NOHUGEPAGE);
#endif
    uint64_t start = measure_processor_nanoseconds();
    for (size_t i = 0; i < count; i++) *(volatile char *)(memory + i * distance) = 1;
    uint64_t end = measure_processor_nanoseconds();
    munmap(memory, size);
    return (double)(end - start) / (double)count;
}
