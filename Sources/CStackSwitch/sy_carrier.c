// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Threads that run contexts.
#include "sy_internal.h"
#include "sy_sanitizers.h"

#include <stdlib.h>
#include <string.h>

enum { SY_DEFAULT_POOL_LIMIT = 4096 };

// Of the C++ runtime, if the process holds one.
extern void *__cxa_get_globals(void) SY_WEAK;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static _Atomic(void (*)(sy_carrier *)) exit_hook;

// All attached carriers, and how many contexts others have left behind.
static pthread_mutex_t carriers_lock = PTHREAD_MUTEX_INITIALIZER;
static sy_carrier *carriers;
static _Atomic size_t left_behind;

void sy_set_carrier_exit_hook(void (*hook)(sy_carrier *)) {
    atomic_store_explicit(&exit_hook, hook, memory_order_release);
}

static void carrier_thread_exits(void *value) {
    sy_carrier *carrier = value;
    carrier->attachments = 1;
    sy_carrier_detach(carrier);
}

static void prepare_process(void) {
    pthread_key_create(&exit_key, carrier_thread_exits);
    sy_stacks_prepare();
    sy_overflow_install();
}

static void find_native_stack(sy_context *root) {
#if defined(__APPLE__)
    pthread_t self = pthread_self();
    root->high_ = pthread_get_stackaddr_np(self);
    root->low_ = root->high_ - pthread_get_stacksize_np(self);
#else
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) { return; }
    void *low = NULL;
    size_t size = 0;
    if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
        root->low_ = low;
        root->high_ = root->low_ + size;
    }
    pthread_attr_destroy(&attributes);
#endif
}

sy_carrier *sy_carrier_attach(void) {
    sy_carrier *carrier = sy_carrier_current();
    if (carrier != NULL) {
        carrier->attachments++;
        return carrier;
    }
    pthread_once(&once, prepare_process);
    carrier = aligned_alloc(64, (sizeof *carrier + 63) / 64 * 64);
    if (carrier == NULL) { return NULL; }
    memset(carrier, 0, sizeof *carrier);
    carrier->user_words = carrier->no_user_words;
    carrier->running = &carrier->root;
    carrier->attachments = 1;
    carrier->attached = true;
    carrier->references = 1;
    carrier->pool_limit = SY_DEFAULT_POOL_LIMIT;
    carrier->root.carrier = carrier;
    carrier->root.name = "the thread's own stack";
    carrier->root.state_ = SY_STARTED;
    carrier->root.kind_ = SY_STACK_NATIVE;
    find_native_stack(&carrier->root);
    sy_runtime_locate_words(&carrier->words);
    // The same two words in every implementation of the C++ ABI. A context that is a thread has its own.
    if (__cxa_get_globals != NULL && sy_engine_get() == SY_ENGINE_ASSEMBLY) {
        carrier->words.exceptions = __cxa_get_globals();
    }
    // The short way reads task, tracking and locals as neighbours, which they are on every runtime seen so far.
    void **block = carrier->words.task;
    if (carrier->words.tracking != block + 1 || carrier->words.locals != block + 2) {
        carrier->slow |= SY_SLOW_SCATTERED;
    }
    if (sy_engine_get() == SY_ENGINE_THREADS) {
        carrier->slow |= SY_SLOW_THREADS;
        if (!sy_threads_attach(carrier)) {
            free(carrier);
            return NULL;
        }
    } else {
        if (sy_runtime_get_capabilities() & SY_RUNTIME_ACCESSES_BY_CALL) { carrier->slow |= SY_SLOW_ACCESS_CALLS; }
        if (sy_sanitizer_is_present()) { carrier->slow |= SY_SLOW_SANITIZER; }
        sy_sanitizer_created(&carrier->root);
    }
    carrier->signal_stack = sy_signal_stack_install(&carrier->signal_stack_size);
    carrier->runner = pthread_self();
    sy_sample_unblock();
    sy_carrier_set_current(carrier, &carrier->root);
    pthread_setspecific(exit_key, carrier);
    pthread_mutex_lock(&carriers_lock);
    carrier->next = carriers;
    carriers = carrier;
    pthread_mutex_unlock(&carriers_lock);
    return carrier;
}

static void forget_carrier(sy_carrier *carrier) {
    size_t live = atomic_load_explicit(&carrier->live, memory_order_relaxed);
    pthread_mutex_lock(&carriers_lock);
    sy_carrier **link = &carriers;
    while (*link != carrier) { link = &(*link)->next; }
    *link = carrier->next;
    atomic_fetch_add_explicit(&left_behind, live, memory_order_relaxed);
    pthread_mutex_unlock(&carriers_lock);
    atomic_fetch_add_explicit(&carrier->references, live, memory_order_relaxed);
}

static void release(sy_carrier *carrier) {
    if (atomic_fetch_sub_explicit(&carrier->references, 1, memory_order_acq_rel) == 1) { free(carrier); }
}

void sy_carrier_detach(sy_carrier *carrier) {
    void (*hook)(sy_carrier *) = atomic_load_explicit(&exit_hook, memory_order_acquire);
    if (carrier->attachments == 1 && hook != NULL) { hook(carrier); }
    if (--carrier->attachments > 0) { return; }
    if (sy_unlikely(carrier->running != &carrier->root)) {
        sy_fail(carrier->running, "its thread was detached while it was running");
    }
    pthread_setspecific(exit_key, NULL);
    sy_carrier_set_current(NULL, NULL);
    sy_stack_drain_pool(carrier);
    if (carrier->slow & SY_SLOW_THREADS) { sy_threads_detach(carrier); }
    sy_signal_stack_remove(carrier->signal_stack, carrier->signal_stack_size);
    carrier->signal_stack = NULL;
    forget_carrier(carrier);
    atomic_store_explicit(&carrier->attached, false, memory_order_release);
    release(carrier);
}

void sy_carrier_count_created(sy_carrier *carrier) {
    size_t live = atomic_load_explicit(&carrier->live, memory_order_relaxed);
    atomic_store_explicit(&carrier->live, live + 1, memory_order_relaxed);
}

void sy_carrier_count_destroyed(sy_carrier *carrier) {
    if (atomic_load_explicit(&carrier->attached, memory_order_acquire)) {
        size_t live = atomic_load_explicit(&carrier->live, memory_order_relaxed);
        atomic_store_explicit(&carrier->live, live - 1, memory_order_relaxed);
    } else {
        atomic_fetch_sub_explicit(&left_behind, 1, memory_order_relaxed);
        release(carrier);
    }
}

size_t sy_carriers_live(void) {
    pthread_mutex_lock(&carriers_lock);
    size_t live = atomic_load_explicit(&left_behind, memory_order_relaxed);
    for (sy_carrier *carrier = carriers; carrier != NULL; carrier = carrier->next) {
        live += atomic_load_explicit(&carrier->live, memory_order_relaxed);
    }
    pthread_mutex_unlock(&carriers_lock);
    return live;
}

bool sy_carrier_signal(sy_carrier *carrier, int number) {
    // With the lock held the thread does not go: it leaves the list first.
    pthread_mutex_lock(&carriers_lock);
    const sy_carrier *found = carriers;
    while (found != NULL && found != carrier) { found = found->next; }
    bool is_sent = found != NULL && sy_carrier_kill_runner(carrier, number);
    pthread_mutex_unlock(&carriers_lock);
    return is_sent;
}

bool sy_carrier_is_attached(const sy_carrier *carrier) {
    return atomic_load_explicit(&((sy_carrier *)carrier)->attached, memory_order_acquire);
}

sy_context *sy_carrier_root(const sy_carrier *carrier) {
    return (sy_context *)&carrier->root;
}

sy_context *sy_carrier_running(const sy_carrier *carrier) {
    return carrier->running;
}

void sy_carrier_set_user_words(sy_carrier *carrier, void **words) {
    carrier->user_words = words != NULL ? words : carrier->no_user_words;
    for (unsigned i = 0; i < SY_USER_WORDS; i++) { carrier->root.user_[i] = carrier->user_words[i]; }
}

void *const *sy_carrier_task_word(const sy_carrier *carrier) {
    bool is_found = carrier->words.task != &((sy_carrier *)carrier)->words.nowhere[0];
    return is_found ? carrier->words.task : NULL;
}

void sy_carrier_set_pool_limit(sy_carrier *carrier, size_t stacks) {
    carrier->pool_limit = stacks;
}
