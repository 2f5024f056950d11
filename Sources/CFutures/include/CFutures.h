// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// What Swift cannot say for itself: an out-of-line thread-local (a cached thread-local address is wrong after a stack
// has moved to another carrier), the current task, and a thread parker that can be waited for with a deadline.

#ifndef SWITCHYARD_CFUTURES_H
#define SWITCHYARD_CFUTURES_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

/// The queue of deliveries of one execution context (a thread, a greenlet, a portal). A ring of retained pointers.
typedef struct sy_trampoline {
    void *_Nullable *_Nullable items;
    uint32_t head;
    uint32_t count;
    uint32_t capacity;
    /// 1 while a delivery runs on this context; observers are never nested.
    uint32_t active;
    /// The node being delivered, for diagnostics.
    void *_Nullable running;
} sy_trampoline;

/// The words of ours that belong to an execution context. A stack switch saves and restores `trampoline`, `parker` and
/// `task`; `loop` belongs to the thread.
typedef struct sy_thread {
    sy_trampoline *_Nonnull trampoline;
    /// The greenlet running on this thread (unmanaged reference to a node that can park), or NULL.
    void *_Nullable parker;
    /// The task that was current when the greenlet was switched in.
    const void *_Nullable task;
    /// The loop this thread is running (unmanaged reference to its box), or NULL.
    void *_Nullable loop;
    sy_trampoline own;
    /// What the thread's own code keeps as its local values, or NULL.
    void *_Nullable storage;
} sy_thread;

/// The calling thread's words. Never inlined, never cached across a call that may park.
sy_thread *_Nonnull sy_thread_current(void);

/// Makes the calling thread use another thread's words (the thread-backed engine of the greenlets), or its own for NULL.
void sy_thread_adopt(sy_thread *_Nullable words);

/// The words as they are, for the hook of the thread-backed engine.
void *_Nonnull sy_thread_words(void);
void sy_thread_adopt_words(void *_Nullable words);

/// Sets the thread's storage. If it is there still when the thread ends, `at_end` gets it, in that thread: one function for
/// the process.
void sy_thread_keep_storage(void *_Nonnull storage, void (*_Nonnull at_end)(void *_Nonnull));

/// The trampoline of the thread's own stack.
sy_trampoline *_Nonnull sy_thread_own_trampoline(void);

/// What was written above it in the source comes before what is below, references counted by the compiler included: it moves
/// these past stores, also atomic ones, that let another thread go on. No instruction.
static inline void sy_keep_order(void) { __asm__ volatile("" ::: "memory"); }

/// Appends to the trampoline; grows the ring when full.
void sy_trampoline_push(sy_trampoline *_Nonnull trampoline, void *_Nonnull item);
/// Takes the oldest item, or NULL.
void *_Nullable sy_trampoline_pop(sy_trampoline *_Nonnull trampoline);
/// Frees the ring. The queue is empty by then.
void sy_trampoline_destroy(sy_trampoline *_Nonnull trampoline);

/// The Swift task that runs on this thread, or NULL.
const void *_Nullable sy_current_task(void);

/// Says where the runtime keeps the calling thread's current task, for who has found that out (NULL: not known). Looking
/// there costs less than calling the runtime, and every wait and yield looks.
void sy_thread_set_task_word(void *_Nullable const *_Nullable word);

/// The greenlet that runs on this thread and may park now: the current task is the one it was switched in with, and no
/// delivery is running. NULL otherwise; `sy_thread` then tells why.
void *_Nullable sy_running_parker(void);

/// Calls the observer when the current task is cancelled, at once if it is. To be removed in the same function, which
/// must not be generic: records and frames share one stack. Every caller of the process passes an observer that does the
/// same.
void *_Nonnull sy_task_add_cancellation_handler(void (*_Nonnull observer)(void *_Nonnull), void *_Nonnull context);
void sy_task_remove_cancellation_handler(void *_Nonnull record);

#if defined(__linux__)
/// The slow ways of a lock of one word, which is 0 (free), 1 (taken) or 2 (taken, and somebody may sleep). No thread is
/// recorded anywhere, so that a forked child can go on with it. Preserves errno.
void sy_lock_wait(const void *_Nonnull word);
void sy_lock_wake(const void *_Nonnull word);

/// Whether a thread can have all processors that run the process pass a memory barrier, so that a thread which often writes
/// one word and reads another needs none.
bool sy_barrier_is_available(void);
/// Comes back when each of them has passed one. Preserves errno.
void sy_barrier_all(void);
#endif

/// A blocked thread: one waiter, any number of wakers, a wake before the wait is kept.
typedef struct sy_thread_parker sy_thread_parker;
sy_thread_parker *_Nonnull sy_thread_parker_create(void);
void sy_thread_parker_destroy(sy_thread_parker *_Nonnull parker);
void sy_thread_parker_wake(sy_thread_parker *_Nonnull parker);
/// Waits until woken, or until the monotonic instant (INT64_MAX: for ever). False when the instant came first.
bool sy_thread_parker_wait(sy_thread_parker *_Nonnull parker, int64_t deadline_nanoseconds);

/// CLOCK_MONOTONIC in nanoseconds.
int64_t sy_monotonic_nanoseconds(void);

/// Starts a detached thread with a name and a stack size (0: the platform's default). Returns 0 or an errno.
int sy_thread_start(const char *_Nonnull name, uint64_t stack_bytes, void (*_Nonnull body)(void *_Nullable), void *_Nullable argument);

/// A copy of a string on the C heap, and its end.
char *_Nonnull sy_copy_string(const char *_Nonnull string);
void sy_free_string(const char *_Nonnull copy);

/// A number for the calling thread that no other thread of the process has or had.
uint64_t sy_thread_number(void);

/// The name that the system has for the calling thread; empty if none. At most 63 bytes, and a zero.
void sy_thread_copy_name(char *_Nonnull name);

/// Whether the calling thread is the process's first.
bool sy_thread_is_main(void);

/// Gives up the processor; for the few bounded spins on a slot another thread is writing.
void sy_thread_yield(void);

#if defined(__cplusplus)
}
#endif
#endif
