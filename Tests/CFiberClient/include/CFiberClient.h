// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Fibers as a C program uses them. Each function returns 0, or the line of the first check that failed.
#ifndef C_FIBER_CLIENT_H
#define C_FIBER_CLIENT_H

#include "CGreenlets.h"

/// Messages there and back, siblings, and what a fiber says of itself meanwhile.
int c_fiber_messages(void);
/// Errors and kills, there and back.
int c_fiber_errors(void);
/// Parents and who holds what.
int c_fiber_lifetimes(void);
/// Sends a number to a fiber that Swift code made, and gets it back plus one, then an error that Swift code threw.
int c_fiber_swift(sy_fiber *_Nonnull fiber);
/// A fiber that adds one to each number and hands on what is thrown into it. The caller releases it.
sy_fiber *_Nonnull c_fiber_adder(void);

#endif
