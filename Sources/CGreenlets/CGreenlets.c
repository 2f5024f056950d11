// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// The functions are written in Swift, in the module Greenlets.
#include "CGreenlets.h"

_Static_assert(sizeof(sy_fiber_result) == 2 * sizeof(int) + sizeof(void *), "two ints and a pointer, for any compiler");
