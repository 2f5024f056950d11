// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// The thread-backed engine: each context is an OS thread, and a switch hands a baton over.
//
// Exactly one thread of a carrier runs at any time. What a switch saves and loads is the same as with the other engine,
// only that each thread has runtime words of its own: they are copied into the context when it gives the baton away,
// where the embedder may change them, and back when it gets it.
#include "sy_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct backing_thread {
    pthread_t thread;
    bool exists;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    bool has_baton;
    void *payload;
    sy_word_addresses words;
    void *signal_stack;
    size_t signal_stack_size;
} backing_thread;

static void *(*adopt_get)(void);
static void (*adopt_set)(void *);
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sy_engine engine;

static void choose(void) {
#if defined(SY_THREADS_ONLY)
    engine = SY_ENGINE_THREADS;
#else
    const char *wanted = getenv("SWITCHYARD_ENGINE");
    engine = wanted != NULL && strcmp(wanted, "threads") == 0 ? SY_ENGINE_THREADS : SY_ENGINE_ASSEMBLY;
#endif
}

sy_engine sy_engine_get(void) {
    pthread_once(&once, choose);
    return engine;
}

void sy_set_thread_adopt_hook(void *(*get)(void), void (*set)(void *)) {
    adopt_get = get;
    adopt_set = set;
}

const sy_word_addresses *sy_threads_words(const sy_context *context) {
    return &((backing_thread *)context->thread_)->words;
}

static backing_thread *make_backing(void) {
    backing_thread *backing = calloc(1, sizeof *backing);
    if (backing == NULL) { return NULL; }
    pthread_mutex_init(&backing->lock, NULL);
    pthread_cond_init(&backing->arrived, NULL);
    return backing;
}

static void free_backing(backing_thread *backing) {
    pthread_mutex_destroy(&backing->lock);
    pthread_cond_destroy(&backing->arrived);
    free(backing);
}

bool sy_threads_attach(sy_carrier *carrier) {
    backing_thread *backing = make_backing();
    if (backing == NULL) { return false; }
    backing->thread = pthread_self();
    sy_runtime_locate_words(&backing->words);
    carrier->root.thread_ = backing;
    if (adopt_get != NULL) { carrier->adopted = adopt_get(); }
    return true;
}

void sy_threads_detach(sy_carrier *carrier) {
    free_backing(carrier->root.thread_);
    carrier->root.thread_ = NULL;
}

sy_context *sy_threads_create(sy_carrier *carrier, size_t size) {
    (void)carrier;
    sy_context *context = aligned_alloc(64, (sizeof *context + 63) / 64 * 64);
    if (context == NULL) { return NULL; }
    memset(context, 0, sizeof *context);
    context->thread_ = make_backing();
    if (context->thread_ == NULL) {
        free(context);
        return NULL;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t least = 128 * 1024;
    if (size == 0) { size = sy_stack_default_size(); }
    context->map_size_ = (size < least ? least : size + page - 1) / page * page;
    context->kind_ = SY_STACK_THREAD;
    return context;
}

void sy_threads_destroy(sy_context *context) {
    backing_thread *backing = context->thread_;
    if (backing->exists) { pthread_join(backing->thread, NULL); }
    free_backing(backing);
    free(context);
}

static void wait_for_baton(backing_thread *backing) {
    pthread_mutex_lock(&backing->lock);
    while (!backing->has_baton) { pthread_cond_wait(&backing->arrived, &backing->lock); }
    backing->has_baton = false;
    pthread_mutex_unlock(&backing->lock);
}

static void find_guard(sy_context *context) {
#if defined(__APPLE__)
    context->high_ = pthread_get_stackaddr_np(pthread_self());
    context->low_ = context->high_ - pthread_get_stacksize_np(pthread_self());
    context->map_ = context->low_ - sysconf(_SC_PAGESIZE);
#else
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) { return; }
    void *low = NULL;
    size_t size = 0, guard = 0;
    pthread_attr_getguardsize(&attributes, &guard);
    if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
        context->low_ = low;
        context->high_ = context->low_ + size;
        context->map_ = context->low_ - guard;
    }
    pthread_attr_destroy(&attributes);
#endif
}

static void *back_context(void *argument) {
    sy_context *context = argument;
    backing_thread *backing = context->thread_;
    wait_for_baton(backing);
    if (adopt_set != NULL) { adopt_set(context->carrier->adopted); }
    sy_carrier_set_current(context->carrier, context);
    sy_sample_set_runner(context->carrier);
    find_guard(context);
    backing->signal_stack = sy_signal_stack_install(&backing->signal_stack_size);
    sy_runtime_locate_words(&backing->words);
    sy_words_load(&backing->words, context);
    return sy_context_main((void **)(void *)context, NULL, NULL);
}

static bool start(sy_context *context) {
    backing_thread *backing = context->thread_;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, context->map_size_);
    int error = pthread_create(&backing->thread, &attributes, back_context, context);
    pthread_attr_destroy(&attributes);
    backing->exists = error == 0;
    errno = error;
    return error == 0;
}

static void give_baton(sy_context *to, void *payload) {
    backing_thread *backing = to->thread_;
    if (!backing->exists && to != &to->carrier->root && !start(to)) {
        sy_fail(to, "the system refused it a thread (SWITCHYARD_ENGINE=threads)");
    }
    pthread_mutex_lock(&backing->lock);
    backing->payload = payload;
    backing->has_baton = true;
    pthread_cond_signal(&backing->arrived);
    pthread_mutex_unlock(&backing->lock);
}

void *sy_threads_switch(sy_context *from, sy_context *to, void *payload, bool words) {
    backing_thread *mine = from->thread_;
    if (words) {
        sy_words_save(&mine->words, from);
        sy_user_words_install(from->carrier, to);
        from->carrier->running = to;
    }
    give_baton(to, payload);
    wait_for_baton(mine);
    sy_sample_set_runner(from->carrier);
    if (words) { sy_words_load(&mine->words, from); }
    return mine->payload;
}

_Noreturn void sy_threads_exit_to(sy_context *from, sy_context *to, void *payload) {
    sy_carrier *carrier = from->carrier;
    backing_thread *mine = from->thread_;
    // The dying thread must not look as if it were inside a task.
    from->runtime_ = (sy_runtime_words){0};
    sy_words_load(&mine->words, from);
    sy_user_words_install(carrier, to);
    carrier->running = to;
    sy_carrier_set_current(NULL, NULL);
    sy_signal_stack_remove(mine->signal_stack, mine->signal_stack_size);
    give_baton(to, payload);
    pthread_exit(NULL);
}
