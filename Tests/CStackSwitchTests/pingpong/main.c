// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// The switch by itself, without Swift: built natively, and for arm64 to run under an emulator. Prints one line per
// check and exits with the number that failed.
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "CStackSwitch.h"

#include <fenv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

int registers_after(void (*function)(void *), void *argument, uint64_t seed);

static int failures;
static sy_carrier *carrier;
static sy_context *root;

static void check(bool holds, const char *what) {
    printf("%s %s\n", holds ? "ok  " : "FAIL", what);
    if (!holds) { failures++; }
}

static sy_context *spawn(size_t stack, sy_entry body, void *argument) {
    sy_context *context = sy_context_create(carrier, stack, body, argument);
    if (context == NULL) {
        perror("sy_context_create");
        exit(99);
    }
    sy_context_set_exit_target(context, root, NULL);
    return context;
}

static void *resume(sy_context *context, void *payload) {
    return sy_context_switch(sy_carrier_running(carrier), context, payload);
}

// ---------------------------------------------------------------------------------------------------- payloads

static void echo(void *argument) {
    uintptr_t next = (uintptr_t)argument;
    sy_context *me = sy_carrier_running(carrier);
    for (;;) {
        uintptr_t received = (uintptr_t)sy_context_switch(me, root, (void *)(next + 1));
        if (received == 0) { return; }
        next = received;
    }
}

static void payloads(int rounds) {
    sy_context *context = spawn(0, echo, (void *)7);
    check(sy_context_is_fresh(context), "a created context is fresh");
    uintptr_t value = (uintptr_t)resume(context, (void *)1234);
    check(value == 8, "the body gets the argument given at creation, not the first payload");
    bool right = true;
    for (int i = 0; i < rounds; i++) {
        value = (uintptr_t)resume(context, (void *)(uintptr_t)(i + 100));
        right = right && value == (uintptr_t)i + 101;
    }
    check(right, "every switch returns the payload of the switch that resumed it");
    check(resume(context, NULL) == NULL, "a body that returns goes to its exit target");
    check(sy_context_is_finished(context), "and is finished");
    sy_context_destroy(context);
}

// --------------------------------------------------------------------------------------------------- registers

typedef struct turn {
    sy_context *to;
    uint64_t seed;
    int changed;
} turn;

static void switch_away(void *argument) {
    turn *mine = argument;
    sy_context_switch(sy_carrier_running(carrier), mine->to, NULL);
}

static void fill_registers(void *argument) {
    turn *mine = argument;
    for (uint64_t i = 0; i < 1000; i++) { mine->changed |= registers_after(switch_away, mine, mine->seed + i * 64); }
}

static void registers(void) {
    static turn first, second;
    sy_context *one = spawn(0, fill_registers, &first);
    sy_context *two = spawn(0, fill_registers, &second);
    first = (turn){.to = two, .seed = UINT64_C(0x1111000000000000)};
    second = (turn){.to = root, .seed = UINT64_C(0x2222000000000000)};
    static turn mine;
    mine = (turn){.to = one, .seed = UINT64_C(0x3333000000000000)};
    // root -> one -> two -> root, each with registers of its own.
    for (int i = 0; i < 1000; i++) { mine.changed |= registers_after(switch_away, &mine, mine.seed + (uint64_t)i); }
    check(mine.changed == 0 && first.changed == 0 && second.changed == 0, "callee-saved registers survive a switch");
    resume(one, NULL);  // its last round over, it ends and comes back here
    resume(two, NULL);
    check(sy_context_is_finished(one) && sy_context_is_finished(two), "both rings end");
    sy_context_destroy(one);
    sy_context_destroy(two);
}

// ------------------------------------------------------------------------------------- floating-point control

static volatile double one_value = 1.0, three_value = 3.0;

static double third(void) {
    return one_value / three_value;
}

static int other_mode;
static double other_third;

static void round_up(void *argument) {
    (void)argument;
    sy_context *me = sy_carrier_running(carrier);
    int inherited = fegetround();
    fesetround(FE_UPWARD);
    other_third = third();
    sy_context_switch(me, root, (void *)(uintptr_t)(inherited == FE_TONEAREST));
    other_mode = fegetround();
    other_third = third();
}

static void floating_point(void) {
    fesetround(FE_TONEAREST);
    double nearest = third();
    sy_context *context = spawn(0, round_up, NULL);
    check(resume(context, NULL) != NULL, "a context starts with its creator's rounding mode");
    check(fegetround() == FE_TONEAREST && third() == nearest, "the other context's rounding mode stays with it");
    fesetround(FE_DOWNWARD);
    double down = third();
    resume(context, NULL);
    check(other_mode == FE_UPWARD && other_third > down, "and is back when it runs again");
    check(fegetround() == FE_DOWNWARD && third() == down, "a context that ends leaves the resumed one's mode alone");
    fesetround(FE_TONEAREST);
    sy_context_destroy(context);
#if defined(__x86_64__)
    feenableexcept(FE_DIVBYZERO);
    sy_context *trapping = spawn(0, round_up, NULL);
    fedisableexcept(FE_DIVBYZERO);
    check((_mm_getcsr() & 0x200) != 0, "this context masks divisions by zero");
    resume(trapping, NULL);
    check((_mm_getcsr() & 0x6200) == 0x200, "and still does when one has run that does not, and rounds up");
    resume(trapping, NULL);
    sy_context_destroy(trapping);
    _mm_setcsr(_mm_getcsr() | 0x8040);
    sy_context *other = spawn(0, round_up, NULL);
    resume(other, NULL);
    check((_mm_getcsr() & 0xffc0) == 0x9fc0, "what MXCSR alone knows, flushing to zero, stays with the thread");
    resume(other, NULL);
    sy_context_destroy(other);
    _mm_setcsr(0x1f80);
    fesetround(FE_TONEAREST);
#endif
}

// ----------------------------------------------------------------------------------------------- deep recursion

__attribute__((noinline)) static uint64_t recurse(uint64_t depth) {
    volatile unsigned char frame[1024];
    memset((void *)frame, (int)depth, sizeof frame);
    uint64_t below = depth == 0 ? 0 : recurse(depth - 1);
    return below + frame[depth % sizeof frame];
}

static void dive(void *argument) {
    uint64_t expected = 0, depth = (uint64_t)(uintptr_t)argument;
    for (uint64_t i = 0; i <= depth; i++) { expected += i % 256; }
    bool right = recurse(depth) == expected;
    sy_context *me = sy_carrier_running(carrier);
    sy_context_switch(me, root, (void *)(uintptr_t)right);
    right = recurse(depth) == expected;
    sy_context_set_exit_target(me, root, (void *)(uintptr_t)right);
}

static void deep_stacks(void) {
    sy_context *small = spawn(256 * 1024, dive, (void *)180);
    sy_context *large = spawn(8 * 1024 * 1024, dive, (void *)6000);
    bool right = resume(small, NULL) != NULL;
    right = resume(large, NULL) != NULL && right;
    check(right, "recursion to 80 % of a stack, two stacks interleaved");
    if (sy_engine_get() == SY_ENGINE_ASSEMBLY) {
        size_t small_water = sy_context_high_water(small), large_water = sy_context_high_water(large);
        check(small_water > 180 * 1024 && small_water <= sy_context_stack_size(small), "high water of the small stack");
        check(large_water > 6000 * 1024 && large_water <= sy_context_stack_size(large), "high water of the large one");
    }
    right = resume(large, NULL) != NULL;
    right = resume(small, NULL) != NULL && right;
    check(right, "and again after being resumed");
    sy_context_destroy(small);
    sy_context_destroy(large);
}

// ---------------------------------------------------------------------------------------------------- backtraces

typedef struct trace {
    int frames;
    bool ended;
    void *beyond;  // where a return address of the entry would stand
    bool went_beyond;
} trace;

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *unwind, void *argument) {
    trace *found = argument;
    if (_Unwind_GetIP(unwind) == (uintptr_t)found->beyond) { found->went_beyond = true; }
    return ++found->frames > 60 ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static trace found_trace;
static int pointer_frames;

__attribute__((noinline)) static void look_back(int depth) {
    if (depth > 0) {
        look_back(depth - 1);
        __asm__ volatile("");
        return;
    }
    found_trace.frames = 0;
    _Unwind_Reason_Code code = _Unwind_Backtrace(count_frame, &found_trace);
    found_trace.ended = code == _URC_END_OF_STACK;
    void **frame = __builtin_frame_address(0);
    for (pointer_frames = 0; frame != NULL && pointer_frames < 100; pointer_frames++) { frame = frame[0]; }
    sy_context_switch(sy_carrier_running(carrier), root, NULL);
}

static void tracer(void *argument) {
    look_back((int)(intptr_t)argument);
    __asm__ volatile("");
}

static void backtraces(void) {
    sy_context *context = spawn(0, tracer, (void *)5);
    found_trace.beyond = (char *)(uintptr_t)&backtraces + 4;
    context->owner = found_trace.beyond;  // the first word above the stack
    resume(context, NULL);
    check(!found_trace.went_beyond, "an unwinder does not look beyond the entry");
    check(found_trace.ended, "an unwinder reaches the end of the stack");
    check(found_trace.frames >= 8 && found_trace.frames <= 12, "after the body's frames and the entry");
    check(pointer_frames >= 6 && pointer_frames < 20, "the chain of frame pointers ends at the entry");
    void *addresses[64];
    size_t count = sy_context_backtrace(context, addresses, 64);
    check(count >= 6 && count <= 14, "a suspended context can be walked from its saved stack pointer");
    resume(context, NULL);
    check(sy_context_backtrace(context, addresses, 64) == 0, "a finished one has no frames");
    sy_context_destroy(context);
}

// ------------------------------------------------------------------------------------------------------ many

static int done_count;

static void ring(void *argument) {
    sy_context **next = argument;
    sy_context *me = sy_carrier_running(carrier);
    for (int i = 0; i < 3; i++) { sy_context_switch(me, *next, NULL); }
    done_count++;
    sy_context_set_exit_target(me, *next, NULL);
}

static void many(int count) {
    sy_context **contexts = calloc((size_t)count + 1, sizeof *contexts);
    for (int i = 0; i < count; i++) { contexts[i] = spawn(32 * 1024, ring, &contexts[i + 1]); }
    contexts[count] = root;
    for (int i = 0; i < 4; i++) { resume(contexts[0], NULL); }
    check(done_count == count, "a ring of contexts, each switching straight to the next");
    size_t live = sy_stack_get_statistics().live;
    for (int i = 0; i < count; i++) { sy_context_destroy(contexts[i]); }
    if (sy_engine_get() == SY_ENGINE_ASSEMBLY) {
        check(live == (size_t)count && sy_stack_get_statistics().live == 0, "every stack is counted, and counted out");
    }
    free(contexts);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    carrier = sy_carrier_attach();
    root = sy_carrier_root(carrier);
    bool threads = sy_engine_get() == SY_ENGINE_THREADS;
    printf("engine: %s\n", threads ? "threads" : "assembly");
    payloads(threads ? 1000 : 100000);
    registers();
    floating_point();
    deep_stacks();
    if (!threads) { backtraces(); }
    many(threads ? 50 : 2000);
    sy_carrier_detach(carrier);
    check(sy_carrier_current() == NULL, "a detached thread is no carrier");
    printf("%d failed\n", failures);
    return failures;
}
