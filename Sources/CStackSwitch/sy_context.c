// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Contexts and the switch between them.
#include "sy_internal.h"
#include "sy_sanitizers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void sy_fail(const sy_context *context, const char *what) {
    char digits[24];
    char *digit = digits + sizeof digits;
    *--digit = '\0';
    uint64_t number = context->identifier;
    do {
        *--digit = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    const char *parts[] = {
        "Switchyard: greenlet \"", context->name != NULL ? context->name : "", "\" (#", digit, "): ", what, "\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0) { break; }
    }
    abort();
}

sy_context *sy_context_create(sy_carrier *carrier, size_t stack_size, sy_entry entry, void *argument) {
    if (sy_unlikely(!atomic_load_explicit(&carrier->attached, memory_order_relaxed))) {
        errno = ESRCH;
        return NULL;
    }
    bool threads = (carrier->slow & SY_SLOW_THREADS) != 0;
    sy_context *context = threads ? sy_threads_create(carrier, stack_size) : sy_stack_acquire(carrier, stack_size);
    if (sy_unlikely(context == NULL)) { return NULL; }
    context->owner = NULL;
    context->name = NULL;
    context->identifier = 0;
    context->carrier = carrier;
    context->runtime_ = (sy_runtime_words){0};
    context->exceptions_[0] = NULL;
    context->exceptions_[1] = NULL;
    context->has_words_ = 0;
    for (unsigned i = 0; i < SY_USER_WORDS; i++) { context->user_[i] = NULL; }
    context->entry_ = entry;
    context->argument_ = argument;
    context->exit_target_ = NULL;
    context->exit_payload_ = NULL;
    context->state_ = SY_FRESH;
    memset(context->access_state_, 0, sizeof context->access_state_);
    context->fiber_ = NULL;
    context->fake_stack_ = NULL;
    if (!threads) {
        context->thread_ = NULL;
        context->sp_ = sy_frame_prepare(context);
        sy_sanitizer_created(context);
    }
    sy_carrier_count_created(carrier);
    return context;
}

void sy_context_destroy(sy_context *context) {
    sy_carrier *carrier = context->carrier;
    if (sy_unlikely(context == &carrier->root || context == carrier->running)) {
        sy_fail(context, "a context that is running was destroyed");
    }
    if (sy_unlikely(context->state_ != SY_FRESH && context->state_ != SY_FINISHED)) {
        sy_fail(context, "its stack was destroyed while suspended, with everything its frames still own");
    }
    if (carrier->slow & SY_SLOW_THREADS) {
        sy_threads_destroy(context);
    } else {
        sy_sanitizer_destroyed(context);
        sy_stack_release(carrier, context);
    }
    sy_carrier_count_destroyed(carrier);
}

void sy_context_abandon(sy_context *context) {
    if (sy_unlikely(context->state_ != SY_STARTED || context == context->carrier->running)) {
        sy_fail(context, "only a suspended context can be abandoned");
    }
    context->state_ = SY_ABANDONED;
    sy_stack_abandoned();
    // The reference to the carrier is kept: the stack may hold addresses of it.
}

// Both contexts' words are moved. Never inlined: the registers it needs would have to be saved on the short way too.
SY_UNINSTRUMENTED __attribute__((noinline))
static void sy_context_move_words(sy_carrier *carrier, sy_context *from, const sy_context *to) {
    sy_words_save(&carrier->words, from);
    sy_words_load(&carrier->words, to);
}

// The long way round. Everything it needs after the swap is read from `from` again: that is the context which runs.
SY_UNINSTRUMENTED __attribute__((noinline))
static void *sy_context_switch_slowly(sy_context *from, sy_context *to, void *payload, bool words) {
    sy_carrier *carrier = from->carrier;
    if (carrier->slow & SY_SLOW_THREADS) { return sy_threads_switch(from, to, payload, words); }
    if (words) {
        if (carrier->slow & SY_SLOW_ACCESS_CALLS) { sy_runtime_exit_accesses(from); }
        sy_context_move_words(carrier, from, to);
        sy_user_words_install(carrier, to);
        carrier->running = to;
    }
    if (carrier->slow & SY_SLOW_SANITIZER) { sy_sanitizer_leave(from, to, false); }
    void *received = sy_switch(&from->sp_, to->sp_, payload);
    if (from->carrier->slow & SY_SLOW_SANITIZER) { sy_sanitizer_arrive(from); }
    if (words && (from->carrier->slow & SY_SLOW_ACCESS_CALLS)) { sy_runtime_enter_accesses(from); }
    return received;
}

SY_UNINSTRUMENTED
void *sy_context_switch(sy_context *from, sy_context *to, void *payload) {
    sy_carrier *carrier = from->carrier;
#if defined(DEBUG)
    if (sy_unlikely(carrier->running != from)) { sy_fail(from, "switched from while it was not running"); }
    if (sy_unlikely(to->carrier != carrier)) { sy_fail(to, "switched to from another thread's context"); }
    if (sy_unlikely(to->state_ > SY_STARTED)) { sy_fail(to, "switched to after it had finished"); }
    if (sy_unlikely(to == from)) { sy_fail(to, "switched to itself"); }
#endif
    // A hub-hosted context outside any access and catch block has nothing in these words, and neither has the hub: looking
    // is cheaper than moving zeros.
    void **block = carrier->words.task;
    void **exceptions = carrier->words.exceptions;
    uintptr_t words = (uintptr_t)block[0] | (uintptr_t)block[1] | (uintptr_t)block[2]
        | (uintptr_t)*carrier->words.accesses | (uintptr_t)exceptions[0] | (uintptr_t)exceptions[1] | from->has_words_
        | to->has_words_;
    if (sy_unlikely((carrier->slow | words) != 0)) {
        if (carrier->slow != 0) { return sy_context_switch_slowly(from, to, payload, true); }
        sy_context_move_words(carrier, from, to);
    }
    sy_user_words_install(carrier, to);
    carrier->running = to;
    return sy_switch(&from->sp_, to->sp_, payload);
}

SY_UNINSTRUMENTED
void *sy_context_switch_raw(sy_context *from, sy_context *to, void *payload) {
    if (sy_unlikely(from->carrier->slow)) { return sy_context_switch_slowly(from, to, payload, false); }
    return sy_switch_jumping(&from->sp_, to->sp_, payload);
}

// Everything that leaving for good means, up to the swap.
SY_UNINSTRUMENTED
static inline void finish(sy_context *from, sy_context *to, void *payload) {
    sy_carrier *carrier = from->carrier;
    if (sy_unlikely(from == &carrier->root)) { sy_fail(from, "the thread's own stack cannot be left for good"); }
    if (sy_unlikely(to->carrier != carrier || to->state_ > SY_STARTED || to == from)) {
        sy_fail(from, "it ended, and the context it was to go to cannot be resumed");
    }
    from->state_ = SY_FINISHED;
    if (sy_unlikely(carrier->slow != 0)) {
        if (carrier->slow & SY_SLOW_THREADS) { sy_threads_exit_to(from, to, payload); }
        if (carrier->slow & SY_SLOW_ACCESS_CALLS) { sy_runtime_exit_accesses(from); }
    }
    sy_words_load(&carrier->words, to);
    sy_user_words_install(carrier, to);
    carrier->running = to;
    if (sy_unlikely(carrier->slow & SY_SLOW_SANITIZER)) { sy_sanitizer_leave(from, to, true); }
}

SY_UNINSTRUMENTED
_Noreturn void sy_context_exit_to(sy_context *from, sy_context *to, void *payload) {
    finish(from, to, payload);
    sy_switch(&from->sp_, to->sp_, payload);
    __builtin_unreachable();
}

void sy_context_set_exit_target(sy_context *context, sy_context *to, void *payload) {
    context->exit_target_ = to;
    context->exit_payload_ = payload;
}

// Never returns, but must not be declared so: it leaves by a jump into `sy_switch`, whose prototype it has. The one call
// that `sy_start` made is then what the `ret` there is paired with; with calls left open the return predictor would be
// behind for all the frames of the context that runs next (measured: a fifth of a spawn and join).
SY_UNINSTRUMENTED
void *sy_context_main(void **started, void *resume, void *payload) {
    (void)resume;
    (void)payload;
    sy_context *context = (sy_context *)(void *)started;
    if (sy_unlikely(context->carrier->slow & SY_SLOW_SANITIZER)) { sy_sanitizer_arrive(context); }
    context->state_ = SY_STARTED;
    context->entry_(context->argument_);
    sy_context *to = context->exit_target_;
    if (sy_unlikely(to == NULL)) { sy_fail(context, "its entry function returned with nowhere to go"); }
    finish(context, to, context->exit_payload_);
    SY_TAIL_CALL return sy_switch(&context->sp_, to->sp_, context->exit_payload_);
}

bool sy_context_is_fresh(const sy_context *context) {
    return context->state_ == SY_FRESH;
}

bool sy_context_is_finished(const sy_context *context) {
    return context->state_ == SY_FINISHED;
}

void sy_context_set_host(sy_context *context, void *task, void *tracking) {
    context->runtime_.task = task;
    context->runtime_.tracking = tracking;
    context->has_words_ = 1;  // what was saved is to be loaded; the next save recomputes it
}

sy_runtime_words sy_context_runtime_words(const sy_context *context) {
    return context->runtime_;
}

void sy_context_set_user_word(sy_context *context, unsigned index, void *value) {
    if (sy_unlikely(index >= SY_USER_WORDS)) { sy_fail(context, "there is no user word with that index"); }
    context->user_[index] = value;
    if (context->carrier->running == context) { context->carrier->user_words[index] = value; }
}

void sy_context_reset_user_words(sy_context *context) {
    sy_carrier *carrier = context->carrier;
    for (unsigned i = 0; i < SY_USER_WORDS; i++) { context->user_[i] = carrier->root.user_[i]; }
    if (carrier->running == context) { sy_user_words_install(carrier, context); }
}

void *sy_context_user_word(const sy_context *context, unsigned index) {
    if (sy_unlikely(index >= SY_USER_WORDS)) { sy_fail(context, "there is no user word with that index"); }
    return context->user_[index];
}
