// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

struct Row {
    const char *name;
    void (*run)(long count);
};

inline double nanoseconds() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

/// Runs the row named by the arguments, a tenth of it first to warm up, and prints "ROW nanoseconds_per_operation".
template <size_t N> int measure(const Row (&rows)[N], int argc, char **argv) {
    const long count = argc == 3 ? std::atol(argv[2]) : 0;
    for (const Row &row : rows) {
        if (count < 10 || std::strcmp(row.name, argv[1]) != 0) continue;
        row.run(count / 10);
        const double start = nanoseconds();
        row.run(count);
        std::printf("%s %.3f\n", row.name, (nanoseconds() - start) / count);
        return 0;
    }
    std::fprintf(stderr, "usage: %s ROW COUNT, with COUNT 10 or more and ROW one of:", argv[0]);
    for (const Row &row : rows) std::fprintf(stderr, " %s", row.name);
    std::fprintf(stderr, "\n");
    return 2;
}
