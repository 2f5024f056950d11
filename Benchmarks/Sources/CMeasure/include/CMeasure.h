// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <stdbool.h>
#include <stdint.h>

/// The monotonic clock, which all programs of one comparison read alike.
uint64_t measure_nanoseconds(void);

/// Reads the counts of the preloaded CMallocCount; false when it is not preloaded.
bool measure_malloc(uint64_t *allocations, int64_t *live_bytes);

/// Bytes of the process that lie in memory; 0 where the system does not say.
uint64_t measure_resident_bytes(void);

/// How often the process has touched a page that the system had not given it yet.
uint64_t measure_page_faults(void);

/// What the processors have spent on this process: a machine's other work does not count.
uint64_t measure_processor_nanoseconds(void);

/// Nanoseconds of a processor that one such touch takes here, by touching so many that lie so many bytes apart.
double measure_page_fault_cost(uint64_t count, uint64_t distance);
