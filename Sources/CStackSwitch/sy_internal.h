// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// What the files of this module share.
#ifndef SY_INTERNAL_H
#define SY_INTERNAL_H

#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include "CStackSwitch.h"

#include <pthread.h>
#include <stdatomic.h>

#if !defined(__x86_64__) && !defined(__aarch64__) && !defined(SY_THREADS_ONLY)
#error "no register swap for this processor: define SY_THREADS_ONLY to run every context on a thread of its own"
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SY_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define SY_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define SY_TSAN 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SY_ASAN 1
#endif

// Code that runs between two stacks must leave no trace of its own in a sanitizer's view of either.
#if defined(__clang__)
#define SY_UNINSTRUMENTED                                                                                              \
    __attribute__((disable_sanitizer_instrumentation, no_sanitize("address", "thread", "undefined")))
#else
#define SY_UNINSTRUMENTED
#endif

#if defined(__clang__)
#define SY_TAIL_CALL __attribute__((musttail))
#else
#define SY_TAIL_CALL
#endif

#define SY_HIDDEN __attribute__((visibility("hidden")))
#define sy_unlikely(condition) __builtin_expect(!!(condition), 0)

enum { SY_FRESH, SY_STARTED, SY_FINISHED, SY_ABANDONED };
enum { SY_STACK_NATIVE, SY_STACK_MAPPING, SY_STACK_SLAB, SY_STACK_SLAB_UNGUARDED, SY_STACK_THREAD };
enum { SY_SIZE_CLASSES = 24, SY_UNPOOLED = 255 };

// Why every switch on this carrier takes the long way.
enum { SY_SLOW_THREADS = 1, SY_SLOW_ACCESS_CALLS = 2, SY_SLOW_SANITIZER = 4, SY_SLOW_SCATTERED = 8 };

// Addresses of one OS thread's runtime words; each points to `nowhere` when the word was not found.
typedef struct sy_word_addresses {
    void **task;
    void **tracking;
    void **locals;
    void **accesses;
    // Two words: the exceptions that catch blocks are handling, and how many are on their way to one.
    void **exceptions;
    void *nowhere[6];
} sy_word_addresses;

struct sy_carrier {
    // One cache line: all that a switch reads.
    sy_word_addresses words;
    void **user_words;
    sy_context *running;
    uintptr_t slow;

    unsigned attachments;
    uint8_t next_colour;
    _Atomic bool attached;
    // Contexts that are not destroyed. Only the carrier's thread writes it, so that a spawn needs no locked instruction;
    // when the thread goes, those that are left are added to `references`, which anybody may count down.
    _Atomic size_t live;
    _Atomic size_t references;
    sy_carrier *next;
    void *no_user_words[SY_USER_WORDS];
    sy_context *idle[SY_SIZE_CLASSES];
    size_t idle_count[SY_SIZE_CLASSES];
    size_t pool_limit;
    void *signal_stack;
    size_t signal_stack_size;
    void *adopted;
    // The thread that runs; with the thread-backed engine that changes.
    pthread_t runner;
    sy_context root;
};

// sy_switch_*.S
SY_HIDDEN void *sy_switch(void **save, void *resume, void *payload);
// The same, left by an indirect jump where that pays: see sy_switch_x86_64.S.
#if defined(__x86_64__) && !defined(SY_THREADS_ONLY)
SY_HIDDEN void *sy_switch_jumping(void **save, void *resume, void *payload);
#else
#define sy_switch_jumping sy_switch
#endif
SY_HIDDEN void sy_start(void);
SY_HIDDEN uint64_t sy_fp_control(void);

// sy_frame.c
SY_HIDDEN void *sy_frame_prepare(sy_context *context);
SY_HIDDEN void **sy_frame_of(const sy_context *context, void **resume_address);

// sy_context.c
SY_HIDDEN void *sy_context_main(void **context, void *resume, void *payload);
SY_HIDDEN _Noreturn void sy_fail(const sy_context *context, const char *what);
// The count of a context that was created, or destroyed; the last one frees a carrier whose thread has gone.
SY_HIDDEN void sy_carrier_count_created(sy_carrier *carrier);
SY_HIDDEN void sy_carrier_count_destroyed(sy_carrier *carrier);
SY_HIDDEN size_t sy_carriers_live(void);

// sy_thread_local.c
SY_HIDDEN void sy_carrier_set_current(sy_carrier *carrier, sy_context *thread_context);
SY_HIDDEN sy_context *sy_thread_context(void);

// sy_stacks.c: the context lives at the top of its stack; `release` may unmap it. Whoever makes a carrier has prepared:
// nothing on the way to a stack asks again.
SY_HIDDEN void sy_stacks_prepare(void);
SY_HIDDEN sy_context *sy_stack_acquire(sy_carrier *carrier, size_t size);
SY_HIDDEN void sy_stack_release(sy_carrier *carrier, sy_context *context);
SY_HIDDEN void sy_stack_drain_pool(sy_carrier *carrier);
SY_HIDDEN void sy_stack_abandoned(void);
SY_HIDDEN extern const char sy_canary_message[];

// sy_overflow.c
SY_HIDDEN void sy_overflow_install(void);
SY_HIDDEN void *sy_signal_stack_install(size_t *size);
SY_HIDDEN void sy_signal_stack_remove(void *stack, size_t size);

// sy_sample.c
SY_HIDDEN void sy_sample_unblock(void);
SY_HIDDEN void sy_sample_set_runner(sy_carrier *carrier);
SY_HIDDEN bool sy_carrier_kill_runner(sy_carrier *carrier, int number);

// sy_carrier.c: false if no thread is attached as this carrier.
SY_HIDDEN bool sy_carrier_signal(sy_carrier *carrier, int number);

// sy_runtime_state.c
SY_HIDDEN bool sy_runtime_locate_words(sy_word_addresses *words);
SY_HIDDEN void sy_runtime_enter_accesses(sy_context *context);
SY_HIDDEN void sy_runtime_exit_accesses(sy_context *context);

// sy_threads.c
SY_HIDDEN const sy_word_addresses *sy_threads_words(const sy_context *context);
SY_HIDDEN bool sy_threads_attach(sy_carrier *carrier);
SY_HIDDEN void sy_threads_detach(sy_carrier *carrier);
SY_HIDDEN sy_context *sy_threads_create(sy_carrier *carrier, size_t size);
SY_HIDDEN void sy_threads_destroy(sy_context *context);
SY_HIDDEN void *sy_threads_switch(sy_context *from, sy_context *to, void *payload, bool words);
SY_HIDDEN _Noreturn void sy_threads_exit_to(sy_context *from, sy_context *to, void *payload);

static inline void sy_words_save(const sy_word_addresses *at, sy_context *into) {
    sy_runtime_words words = {*at->task, *at->tracking, *at->locals, *at->accesses};
    into->runtime_ = words;
    into->exceptions_[0] = at->exceptions[0];
    into->exceptions_[1] = at->exceptions[1];
    into->has_words_ = (uintptr_t)words.task | (uintptr_t)words.tracking | (uintptr_t)words.locals
        | (uintptr_t)words.accesses | (uintptr_t)into->exceptions_[0] | (uintptr_t)into->exceptions_[1];
}

static inline void sy_words_load(const sy_word_addresses *at, const sy_context *from) {
    sy_runtime_words words = from->runtime_;
    *at->task = words.task;
    *at->tracking = words.tracking;
    *at->locals = words.locals;
    *at->accesses = words.accesses;
    at->exceptions[0] = from->exceptions_[0];
    at->exceptions[1] = from->exceptions_[1];
}

static inline void sy_user_words_install(const sy_carrier *carrier, const sy_context *context) {
    void **live = carrier->user_words;
    void *words[SY_USER_WORDS];
    for (unsigned i = 0; i < SY_USER_WORDS; i++) { words[i] = context->user_[i]; }
    for (unsigned i = 0; i < SY_USER_WORDS; i++) { live[i] = words[i]; }
}

#endif
