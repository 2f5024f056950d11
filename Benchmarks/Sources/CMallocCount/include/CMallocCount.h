// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include <stdint.h>

/// What the calling thread has allocated since it began, and what of it (and of others') it has freed.
struct malloc_counts {
    uint64_t allocations;
    /// Bytes as the allocator rounds them, with its own header: what the process pays.
    int64_t live_bytes;
};

/// Preload this library (`LD_PRELOAD`) and look this function up to read the counts; nothing links to it.
void malloc_count_read(struct malloc_counts *counts);
