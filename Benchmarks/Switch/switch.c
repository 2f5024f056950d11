// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// The switch between two stacks, from C as Boost.Context's peer does it: `swap` moves registers and floating-point
// control words, as jump_fcontext does; `switch` is what greenlets use, with the Swift runtime's words looked after.
// Usage: switch ROW COUNT; prints "ROW nanoseconds_per_operation".

#include "CStackSwitch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static sy_context *root;
static sy_context *other;

static void echo_swap(void *argument) {
    (void)argument;
    for (;;) sy_context_switch_raw(other, root, NULL);
}

static void echo_switch(void *argument) {
    (void)argument;
    for (;;) sy_context_switch(other, root, NULL);
}

static void swap(long count) {
    for (long n = 0; n < count / 2; n++) sy_context_switch_raw(root, other, NULL);
}

static void full_switch(long count) {
    for (long n = 0; n < count / 2; n++) sy_context_switch(root, other, NULL);
}

static double nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

int main(int argc, char **argv) {
    const long count = argc == 3 ? atol(argv[2]) : 0;
    const int bare = argc == 3 && strcmp(argv[1], "swap") == 0;
    if (count < 10 || (!bare && strcmp(argv[1], "switch") != 0)) {
        fprintf(stderr, "usage: switch swap|switch COUNT, with COUNT 10 or more\n");
        return 2;
    }
    sy_carrier *carrier = sy_carrier_attach();
    if (carrier == NULL) return 1;
    root = sy_carrier_root(carrier);
    other = sy_context_create(carrier, 0, bare ? echo_swap : echo_switch, NULL);
    if (other == NULL) return 1;
    void (*run)(long) = bare ? swap : full_switch;
    run(count / 10);
    const double start = nanoseconds();
    run(count);
    printf("%s %.3f\n", argv[1], (nanoseconds() - start) / count);
    // The other context never ends; the process does.
    return 0;
}
