// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "CFutures.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

extern __attribute__((swiftcall)) void *swift_task_getCurrent(void);

static _Thread_local sy_thread words;
static _Thread_local sy_thread *adopted;
static pthread_key_t cleanup_key;
static pthread_once_t cleanup_once = PTHREAD_ONCE_INIT;

static void (*_Atomic storage_end)(void *);

static void thread_ends(void *thread) {
    sy_thread *ending = thread;
    void *storage = ending->storage;
    ending->storage = NULL;
    // May use whatever a thread can, and so have this function called once more.
    if (storage != NULL) atomic_load_explicit(&storage_end, memory_order_relaxed)(storage);
    sy_trampoline_destroy(&ending->own);
}

static void make_cleanup_key(void) { pthread_key_create(&cleanup_key, thread_ends); }

static void clean_up_at_end(void) {
    pthread_once(&cleanup_once, make_cleanup_key);
    pthread_setspecific(cleanup_key, &words);
}

// For functions that are not inlined themselves, and hand out nothing that a switch makes wrong.
static inline sy_thread *this_thread(void) {
    sy_thread *current = adopted;
    if (__builtin_expect(current != NULL, 0)) return current;
    if (__builtin_expect(words.trampoline == NULL, 0)) words.trampoline = &words.own;
    return &words;
}

__attribute__((noinline)) sy_thread *sy_thread_current(void) {
    sy_thread *current = this_thread();
    __asm__ volatile("");
    return current;
}

__attribute__((noinline)) void sy_thread_adopt(sy_thread *other) {
    adopted = other == &words ? NULL : other;
    __asm__ volatile("");
}

void sy_thread_keep_storage(void *storage, void (*at_end)(void *)) {
    sy_thread *current = sy_thread_current();
    atomic_store_explicit(&storage_end, at_end, memory_order_relaxed);
    current->storage = storage;
    if (current == &words) clean_up_at_end();
}

sy_trampoline *sy_thread_own_trampoline(void) { return &sy_thread_current()->own; }

void *sy_thread_words(void) { return sy_thread_current(); }
void sy_thread_adopt_words(void *other) { sy_thread_adopt(other); }

void sy_trampoline_push(sy_trampoline *t, void *item) {
    if (t->count == t->capacity) {
        uint32_t capacity = t->capacity == 0 ? 8 : t->capacity * 2;
        void **items = malloc(capacity * sizeof(void *));
        if (items == NULL) abort();
        for (uint32_t i = 0; i < t->count; i++) items[i] = t->items[(t->head + i) & (t->capacity - 1)];
        if (t->capacity == 0 && t == &words.own) clean_up_at_end();
        free(t->items);
        t->items = items;
        t->head = 0;
        t->capacity = capacity;
    }
    t->items[(t->head + t->count) & (t->capacity - 1)] = item;
    t->count += 1;
}

void *sy_trampoline_pop(sy_trampoline *t) {
    if (t->count == 0) return NULL;
    void *item = t->items[t->head];
    t->head = (t->head + 1) & (t->capacity - 1);
    t->count -= 1;
    return item;
}

void sy_trampoline_destroy(sy_trampoline *t) {
    free(t->items);
    t->items = NULL;
    t->head = t->count = t->capacity = 0;
}

static _Thread_local void *const *task_word;

void sy_thread_set_task_word(void *const *word) { task_word = word; }

const void *sy_current_task(void) {
    void *const *word = task_word;
    return word != NULL ? *word : swift_task_getCurrent();
}

__attribute__((noinline)) void *sy_running_parker(void) {
    sy_thread *current = this_thread();
    void *parker = current->parker;
    if (parker == NULL || current->trampoline->active != 0 || current->task != sy_current_task()) parker = NULL;
    __asm__ volatile("");
    return parker;
}

#if defined(__linux__)

enum { lock_free, lock_taken, lock_waited_for };
enum { lock_spins = 40 };

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

__attribute__((noinline)) void sy_lock_wait(const void *address) {
    _Atomic uint32_t *word = (_Atomic uint32_t *)(uintptr_t)address;
    // State is held for a few dozen instructions: mostly it is free before the kernel could say so.
    for (int i = 0; i < lock_spins; i++) {
        uint32_t seen = atomic_load_explicit(word, memory_order_relaxed);
        if (seen == lock_waited_for) break;
        if (seen == lock_free
            && atomic_compare_exchange_weak_explicit(
                word, &seen, lock_taken, memory_order_acquire, memory_order_relaxed))
            return;
        relax();
    }
    int error = errno;
    // Others may sleep, too: from here on it is taken as one that is waited for.
    while (atomic_exchange_explicit(word, lock_waited_for, memory_order_acquire) != lock_free)
        syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, lock_waited_for, NULL, NULL, 0);
    errno = error;
}

__attribute__((noinline)) void sy_lock_wake(const void *address) {
    int error = errno;
    syscall(SYS_futex, address, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    errno = error;
}

// Commands of membarrier(2); the header with their names came later than the call.
enum { barrier_expedited = 1 << 3, barrier_register_expedited = 1 << 4 };

static bool barrier_works;

static void barrier_register(void) { barrier_works = syscall(SYS_membarrier, barrier_register_expedited, 0, 0) == 0; }

bool sy_barrier_is_available(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int error = errno;
    pthread_once(&once, barrier_register);
    errno = error;
    return barrier_works;
}

void sy_barrier_all(void) {
    int error = errno;
    if (syscall(SYS_membarrier, barrier_expedited, 0, 0) != 0) {
        // It worked when it was registered; a filter of system calls may have come since. No processor keeps a written word
        // to itself for so long.
        struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
        nanosleep(&pause, NULL);
    }
    errno = error;
}

// A word in the kernel's hands: half the system calls of a condition, and nothing to contend for on the way out.
enum { parker_idle, parker_woken, parker_waiting };
struct sy_thread_parker {
    _Atomic uint32_t word;
};

sy_thread_parker *sy_thread_parker_create(void) {
    sy_thread_parker *parker = calloc(1, sizeof *parker);
    if (parker == NULL) abort();
    return parker;
}

void sy_thread_parker_destroy(sy_thread_parker *parker) { free(parker); }

void sy_thread_parker_wake(sy_thread_parker *parker) {
    if (atomic_exchange_explicit(&parker->word, parker_woken, memory_order_acq_rel) != parker_waiting) return;
    // The waiter may be gone by now, and the word with it: then nobody waits at that address, or somebody who looks again.
    syscall(SYS_futex, &parker->word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

bool sy_thread_parker_wait(sy_thread_parker *parker, int64_t deadline) {
    uint32_t seen = parker_idle;
    if (!atomic_compare_exchange_strong_explicit(
            &parker->word, &seen, parker_waiting, memory_order_acq_rel, memory_order_acquire)) {
        atomic_store_explicit(&parker->word, parker_idle, memory_order_relaxed);
        return true;
    }
    struct timespec until = {deadline / 1000000000, deadline % 1000000000};
    if (deadline <= 0) until = (struct timespec){0, 1};
    while (atomic_load_explicit(&parker->word, memory_order_acquire) == parker_waiting) {
        long failed = syscall(
            SYS_futex, &parker->word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, parker_waiting,
            deadline == INT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
        if (failed != 0 && errno == ETIMEDOUT) break;
    }
    return atomic_exchange_explicit(&parker->word, parker_idle, memory_order_acq_rel) == parker_woken;
}

#else

struct sy_thread_parker {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool woken;
};

sy_thread_parker *sy_thread_parker_create(void) {
    sy_thread_parker *parker = calloc(1, sizeof *parker);
    if (parker == NULL) abort();
    pthread_mutex_init(&parker->mutex, NULL);
    pthread_cond_init(&parker->condition, NULL);
    return parker;
}

void sy_thread_parker_destroy(sy_thread_parker *parker) {
    pthread_cond_destroy(&parker->condition);
    pthread_mutex_destroy(&parker->mutex);
    free(parker);
}

void sy_thread_parker_wake(sy_thread_parker *parker) {
    pthread_mutex_lock(&parker->mutex);
    parker->woken = true;
    pthread_cond_signal(&parker->condition);
    pthread_mutex_unlock(&parker->mutex);
}

bool sy_thread_parker_wait(sy_thread_parker *parker, int64_t deadline) {
    pthread_mutex_lock(&parker->mutex);
    while (!parker->woken) {
        if (deadline == INT64_MAX) {
            pthread_cond_wait(&parker->condition, &parker->mutex);
            continue;
        }
        int64_t now = sy_monotonic_nanoseconds();
        if (deadline <= now) break;
        int64_t left = deadline - now;
        struct timespec relative = {left / 1000000000, left % 1000000000};
        pthread_cond_timedwait_relative_np(&parker->condition, &parker->mutex, &relative);
    }
    bool woken = parker->woken;
    parker->woken = false;
    pthread_mutex_unlock(&parker->mutex);
    return woken;
}

#endif

int64_t sy_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct start {
    void (*body)(void *);
    void *argument;
    char name[16];
};

static void *run_start(void *raw) {
    struct start start = *(struct start *)raw;
    free(raw);
#if defined(__APPLE__)
    pthread_setname_np(start.name);
#else
    pthread_setname_np(pthread_self(), start.name);
#endif
    start.body(start.argument);
    return NULL;
}

int sy_thread_start(const char *name, uint64_t stack_bytes, void (*body)(void *), void *argument) {
    struct start *start = calloc(1, sizeof *start);
    if (start == NULL) return ENOMEM;
    start->body = body;
    start->argument = argument;
    strncpy(start->name, name, sizeof start->name - 1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (stack_bytes != 0) pthread_attr_setstacksize(&attributes, stack_bytes);
    pthread_t thread;
    int result = pthread_create(&thread, &attributes, run_start, start);
    pthread_attr_destroy(&attributes);
    if (result != 0) free(start);
    return result;
}

char *sy_copy_string(const char *string) {
    char *copy = strdup(string);
    if (copy == NULL) abort();
    return copy;
}

void sy_free_string(const char *copy) { free((void *)copy); }

uint64_t sy_thread_number(void) {
    static _Atomic uint64_t last;
    static _Thread_local uint64_t number;
    if (number == 0) number = ++last;
    return number;
}

void sy_thread_yield(void) { sched_yield(); }

// The runtime's own pair under `withTaskCancellationHandler`, part of its ABI.
typedef __attribute__((swiftcall)) void (*cancellation_handler)(__attribute__((swift_context)) void *context);
extern __attribute__((swiftcall)) void *swift_task_addCancellationHandler(cancellation_handler handler, void *context);
extern __attribute__((swiftcall)) void swift_task_removeCancellationHandler(void *record);

// One for the process: all callers pass the same function, a handler has room for one word only.
static void (*_Atomic cancellation_observer)(void *);

static __attribute__((swiftcall)) void task_cancelled(__attribute__((swift_context)) void *context) {
    atomic_load_explicit(&cancellation_observer, memory_order_relaxed)(context);
}

void *sy_task_add_cancellation_handler(void (*observer)(void *), void *context) {
    atomic_store_explicit(&cancellation_observer, observer, memory_order_relaxed);
    return swift_task_addCancellationHandler(task_cancelled, context);
}

void sy_task_remove_cancellation_handler(void *record) { swift_task_removeCancellationHandler(record); }

void sy_thread_copy_name(char *name) {
    if (pthread_getname_np(pthread_self(), name, 64) != 0) name[0] = 0;
}

bool sy_thread_is_main(void) {
#if defined(__linux__)
    return syscall(SYS_gettid) == getpid();
#else
    return pthread_main_np() != 0;
#endif
}
