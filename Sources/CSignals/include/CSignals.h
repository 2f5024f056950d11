// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// What has to be C: a signal handler, which may only do what is async-signal-safe, and the macros of <sys/wait.h>.

#ifndef SWITCHYARD_CSIGNALS_H
#define SWITCHYARD_CSIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

/// How many forks lie between this process and the first that used signals.
uint32_t sy_signals_generation(void);

/// Opens what a handler wakes its registry with. Returns the end to poll, or a negated errno. Once in each process.
int sy_signals_open(void);

/// Makes the descriptor silent until the next delivery. To be called before the counts are taken.
void sy_signals_rearm(void);

/// A delivery's number, and who holds it otherwise.
typedef struct sy_signal_claim {
    /// 0, an errno, or -1 if somebody else's handler is installed.
    int error;
    /// That handler's address.
    const void *_Nullable foreign;
} sy_signal_claim;

/// Installs our handler and keeps what was there. One thread at a time.
sy_signal_claim sy_signal_install(int number);
/// Whether our handler is the one that is installed.
sy_signal_claim sy_signal_check(int number);
/// Puts back what was there. False if another handler has taken the place of ours, which then stays. One thread at a time.
bool sy_signal_restore(int number);
/// How many deliveries there were since the last call.
uint64_t sy_signal_take(int number);
/// Counts deliveries and wakes the registry: what the handler does. Async-signal-safe.
void sy_signal_add(int number, uint64_t count);
/// Lets the calling thread receive the signal.
void sy_signal_unblock(int number);
/// Sends a signal to this process.
int sy_signal_raise(int number);
/// The largest number of a signal.
int sy_signal_last(void);

/// The file, and where it is known the function, that an address of code belongs to. Strings of the dynamic linker's.
void sy_code_owner(const void *_Nonnull address, const char *_Nullable *_Nonnull file, const char *_Nullable *_Nonnull name);

/// Opens a descriptor that becomes readable when the process has ended (Linux: pidfd). Returns it, or a negated errno.
int sy_child_open(int process);
void sy_child_close(int descriptor);

/// What the kernel says of one child.
typedef struct sy_child_state {
    /// 0: runs. 1: exited, with `value`. 2: ended by signal `value`. -1: an error, with errno `value`.
    int kind;
    int value;
    bool dumped_core;
} sy_child_state;

/// Looks at one child and reaps it if it has ended. Does not wait. By its descriptor if that is not negative: the number
/// may be another child's by now.
sy_child_state sy_child_reap(int process, int descriptor);

#if defined(__cplusplus)
}
#endif
#endif
