// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <stdbool.h>
#include <stdint.h>

/// The monotonic clock, which all programs of one comparison read alike.
uint64_t measure_nanoseconds(void);

/// Reads the counts of the preloaded CMallocCount; false when it is not preloaded.
bool measure_malloc(uint64_t *allocations, int64_t *live_bytes);
