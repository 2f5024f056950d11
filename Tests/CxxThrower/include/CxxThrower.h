// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// C++ that leaves its stack for a while where it handles exceptions.
#ifndef CXX_THROWER_H
#define CXX_THROWER_H

#if defined(__cplusplus)
extern "C" {
#endif

/// Throws exceptions that carry a number, parks in the catch blocks, one in the other, and throws them on from there.
/// Returns 0, or the line of the first check that failed.
int cxx_park_in_catch(int number, void (*_Nonnull park)(void *_Nullable), void *_Nullable context);
/// Parks in a destructor while an exception passes by.
int cxx_park_while_unwinding(int number, void (*_Nonnull park)(void *_Nullable), void *_Nullable context);
/// How many exceptions are on their way to a catch block, and whether one is handled in one, where this is called.
int cxx_exceptions_here(void);

#if defined(__cplusplus)
}
#endif

#endif
