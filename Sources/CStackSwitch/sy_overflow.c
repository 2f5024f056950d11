// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Stack overflow: a message that names the greenlet, then whatever would have happened anyway.
#include "sy_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Room for a crash reporter's handler that runs on the same alternate stack.
enum { SY_SIGNAL_STACK_BYTES = 128 * 1024 };

const char sy_canary_message[] =
    "stack overflow, found when it ended: the word at the far end of its stack was overwritten. "
    "Spawn it with a larger stack, or look for unbounded recursion.";

static struct sigaction previous_segv, previous_bus;

static void put(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) { return; }
}

static void put_number(uint64_t number) {
    char digits[24];
    char *digit = digits + sizeof digits;
    *--digit = '\0';
    do {
        *--digit = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    put(digit);
}

static bool is_in_guard(const sy_context *context, const char *address) {
    return context->map_ != NULL && address >= context->map_ && address < context->low_;
}

// Only the running context of this thread can overflow; its carrier says which that is.
SY_UNINSTRUMENTED
static const sy_context *overflown(const char *address) {
    const sy_carrier *carrier = sy_carrier_current();
    if (carrier == NULL) { return NULL; }
    const sy_context *running = carrier->slow & SY_SLOW_THREADS ? sy_thread_context() : carrier->running;
    return running != NULL && is_in_guard(running, address) ? running : NULL;
}

SY_UNINSTRUMENTED
static void handle(int signal, siginfo_t *info, void *machine) {
    const sy_context *context = info->si_code > 0 ? overflown(info->si_addr) : NULL;
    struct sigaction *previous = signal == SIGSEGV ? &previous_segv : &previous_bus;
    if (context != NULL) {
        put("\nSwitchyard: stack overflow in greenlet \"");
        put(context->name != NULL ? context->name : "");
        put("\" (#");
        put_number(context->identifier);
        put("): all ");
        put_number(sy_context_stack_size(context));
        put(" bytes of its stack are used. Spawn it with a larger stack, or look for unbounded recursion.\n");
    }
    // A handler that may repair the fault is called in place, so that this one stays installed. One that cannot —
    // always so for an overflow — is put back, and the faulting instruction, run again, reaches it undisturbed.
    if (context == NULL && (previous->sa_flags & SA_SIGINFO) != 0 && previous->sa_sigaction != NULL) {
        previous->sa_sigaction(signal, info, machine);
        return;
    }
    if (context == NULL && previous->sa_handler != SIG_DFL && previous->sa_handler != SIG_IGN) {
        previous->sa_handler(signal);
        return;
    }
    sigaction(signal, previous, NULL);
    // One that was sent, not caused, does not happen again by itself.
    if (info->si_code <= 0) { raise(signal); }
}

void sy_overflow_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, NULL, &previous_segv);
    sigaction(SIGBUS, NULL, &previous_bus);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

void *sy_signal_stack_install(size_t *size) {
    stack_t current;
    if (sigaltstack(NULL, &current) != 0 || (current.ss_flags & SS_DISABLE) == 0) { return NULL; }
    void *memory = mmap(NULL, SY_SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) { return NULL; }
    stack_t mine = {.ss_sp = memory, .ss_size = SY_SIGNAL_STACK_BYTES};
    if (sigaltstack(&mine, NULL) != 0) {
        munmap(memory, SY_SIGNAL_STACK_BYTES);
        return NULL;
    }
    *size = SY_SIGNAL_STACK_BYTES;
    return memory;
}

void sy_signal_stack_remove(void *stack, size_t size) {
    if (stack == NULL) { return; }
    stack_t current;
    if (sigaltstack(NULL, &current) == 0 && current.ss_sp == stack) {
        stack_t none = {.ss_flags = SS_DISABLE, .ss_size = size};
        sigaltstack(&none, NULL);
    }
    munmap(stack, size);
}
