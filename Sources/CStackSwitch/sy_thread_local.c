// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Thread-locals, read by functions that are never inlined: an address kept in a register over a switch is right, but a
// *value* kept over a switch in a task that moved to another thread is not.
#include "sy_internal.h"

static _Thread_local sy_carrier *current_carrier;
static _Thread_local sy_context *current_thread_context;

__attribute__((noinline)) sy_carrier *sy_carrier_current(void) {
    return current_carrier;
}

__attribute__((noinline)) sy_context *sy_thread_context(void) {
    return current_thread_context;
}

__attribute__((noinline)) void sy_carrier_set_current(sy_carrier *carrier, sy_context *thread_context) {
    current_carrier = carrier;
    current_thread_context = thread_context;
}
