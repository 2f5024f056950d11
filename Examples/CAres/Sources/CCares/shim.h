// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#ifndef SWITCHYARD_CCARES_H
#define SWITCHYARD_CCARES_H

#include <ares.h>

#endif
