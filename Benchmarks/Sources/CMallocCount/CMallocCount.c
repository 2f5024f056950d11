// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#include "CMallocCount.h"

#if defined(__GLIBC__) || defined(__linux__)
#include <errno.h>
#include <malloc.h>
#include <stddef.h>

// glibc exports its allocator under these names too, so the shim needs no dlsym, which itself allocates.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

// Initial-exec: the default model for a shared library allocates on a thread's first use, inside malloc.
static _Thread_local struct malloc_counts counted __attribute__((tls_model("initial-exec")));

static int64_t cost(void *block) {
    return block ? (int64_t)(malloc_usable_size(block) + sizeof(size_t)) : 0;
}

static void *count(void *block) {
    counted.allocations++;
    counted.live_bytes += cost(block);
    return block;
}

void *malloc(size_t size) { return count(__libc_malloc(size)); }
void *calloc(size_t number, size_t size) { return count(__libc_calloc(number, size)); }
void *memalign(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    *result = count(__libc_memalign(alignment, size));
    return *result ? 0 : ENOMEM;
}

void *realloc(void *block, size_t size) {
    counted.live_bytes -= cost(block);
    return count(__libc_realloc(block, size));
}

void free(void *block) {
    counted.live_bytes -= cost(block);
    __libc_free(block);
}

void malloc_count_read(struct malloc_counts *counts) { *counts = counted; }
#else
void malloc_count_read(struct malloc_counts *counts) { *counts = (struct malloc_counts){0}; }
#endif
