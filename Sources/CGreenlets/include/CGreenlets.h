// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Fibers for C and C++: the basic calls of Greenlets' `Fiber`, with messages of type `void *`.
//
//   static sy_fiber_result body(void *argument, void *message) {
//       while (wanted(message)) {
//           sy_fiber_result next = sy_fiber_switch(parent, answer(message));
//           if (next.status != SY_FIBER_MESSAGE) { return next; }     // killed, or an error: clean up, and hand it on
//           message = next.message;
//       }
//       return sy_fiber_return(message);
//   }
//
// They are the fibers of the Swift module, in which they are `Fiber<UnsafeMutableRawPointer?>`: both languages may take part
// in one group of them. What is said of a fiber there holds here: it is used on the thread it was made on, a body may not
// wait, and a dropped fiber unwinds.
//
// A C++ exception must not leave a body. Each stack has its own exceptions that are being handled.
//
// The program is to be linked with the product CGreenlets, which brings the module Greenlets along.
#ifndef C_GREENLETS_H
#define C_GREENLETS_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__cplusplus)
extern "C" {
#endif

#if defined(__clang__)
#define SY_FIBER_NONNULL _Nonnull
#define SY_FIBER_NULLABLE _Nullable
#else
#define SY_FIBER_NONNULL
#define SY_FIBER_NULLABLE
#endif

/// A counted reference to a fiber.
typedef struct sy_fiber sy_fiber;

/// How a switch came back, and how a body ends.
typedef enum sy_fiber_status {
    /// With a message.
    SY_FIBER_MESSAGE = 0,
    /// Without one: the fiber that was to answer was killed.
    SY_FIBER_NO_ANSWER = 1,
    /// The calling fiber is being killed: clean up and return this from the body.
    SY_FIBER_EXIT = 2,
    /// An error was thrown into the calling fiber. Returned from the body it goes to the parent.
    SY_FIBER_ERROR = 3,
    /// The switch was refused, and nothing has changed: see `sy_fiber_error_text`.
    SY_FIBER_REFUSED = 4,
} sy_fiber_status;

typedef struct sy_fiber_result {
    sy_fiber_status status;
    /// Of an error: the number it was made with, or `SY_FIBER_SWIFT_ERROR`. A result with that number stands for the last error
    /// that the fiber was told of.
    int code;
    void *SY_FIBER_NULLABLE message;
} sy_fiber_result;

#define SY_FIBER_SWIFT_ERROR (-1)

/// What a body returns.
static inline sy_fiber_result sy_fiber_return(void *SY_FIBER_NULLABLE message) {
    sy_fiber_result result = {SY_FIBER_MESSAGE, 0, message};
    return result;
}
static inline sy_fiber_result sy_fiber_fail(int code) {
    sy_fiber_result result = {SY_FIBER_ERROR, code, NULL};
    return result;
}

/// What a fiber runs, with its first message.
typedef sy_fiber_result (*sy_fiber_body)(void *SY_FIBER_NULLABLE argument, void *SY_FIBER_NULLABLE message);

/// Makes a fiber, which has not run. The caller releases the reference.
///
/// - `name` for diagnostics, or NULL; it is copied.
/// - `stack_size` in usable bytes; 0 for 256 KiB. The stack is made at the first switch.
/// - `parent` gets control when the body ends; NULL for the calling fiber.
/// - `dispose`, or NULL, gets `argument` when the body has returned or will never run.
sy_fiber *SY_FIBER_NONNULL sy_fiber_new(
    const char *SY_FIBER_NULLABLE name, size_t stack_size, sy_fiber *SY_FIBER_NULLABLE parent, sy_fiber_body SY_FIBER_NONNULL body,
    void *SY_FIBER_NULLABLE argument, void (*SY_FIBER_NULLABLE dispose)(void *SY_FIBER_NULLABLE argument));

/// One more reference to a fiber, and one fewer. Without the last one a suspended fiber is killed: it unwinds before
/// `sy_fiber_release` returns, or on its own thread if this is another one.
sy_fiber *SY_FIBER_NONNULL sy_fiber_retain(sy_fiber *SY_FIBER_NONNULL fiber);
void sy_fiber_release(sy_fiber *SY_FIBER_NULLABLE fiber);

/// Gives control to the fiber, with a message, and comes back when somebody switches to the caller.
sy_fiber_result sy_fiber_switch(sy_fiber *SY_FIBER_NONNULL fiber, void *SY_FIBER_NULLABLE message);

/// Throws an error at the switch that the fiber is suspended in: code 0 kills it. Comes back like a switch.
sy_fiber_result sy_fiber_throw(sy_fiber *SY_FIBER_NONNULL fiber, int code);

/// The fiber that runs; outside of all others the main fiber of the thread or greenlet. The caller releases the reference.
sy_fiber *SY_FIBER_NONNULL sy_fiber_current(void);

/// Where control goes when the body ends; NULL for a main fiber. The caller releases the reference.
sy_fiber *SY_FIBER_NULLABLE sy_fiber_parent(sy_fiber *SY_FIBER_NONNULL fiber);

/// Changes that. False if it was refused: see `sy_fiber_error_text`.
bool sy_fiber_set_parent(sy_fiber *SY_FIBER_NONNULL fiber, sy_fiber *SY_FIBER_NONNULL parent);

/// The body has begun, or will never begin.
bool sy_fiber_is_started(sy_fiber *SY_FIBER_NONNULL fiber);
/// The body has begun and has not ended.
bool sy_fiber_is_active(sy_fiber *SY_FIBER_NONNULL fiber);
/// The body has ended, or will never begin.
bool sy_fiber_is_dead(sy_fiber *SY_FIBER_NONNULL fiber);
/// The code outside of all fibers.
bool sy_fiber_is_main(sy_fiber *SY_FIBER_NONNULL fiber);

/// Writes what the last error or refusal that the calling fiber was told of has to say, cut to `capacity` and ended by zero.
/// Returns how long it is; 0 if there was none.
size_t sy_fiber_error_text(char *SY_FIBER_NULLABLE text, size_t capacity);

#if defined(__cplusplus)
}
#endif

#endif
