// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#ifndef SWITCHYARD_CHIREDIS_H
#define SWITCHYARD_CHIREDIS_H

#include <hiredis/async.h>

#endif
