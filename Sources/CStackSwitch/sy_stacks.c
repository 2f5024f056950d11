// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Memory for stacks: mapped, guarded, pooled per carrier and size class, and given back.
//
//   map_                low_                                         high_ = context
//   |  guard (5 pages)  |  usable, grows down from high_  …          | sy_context | colour |
//
// The guard is added to the size, not taken from it, and is an odd number of pages: stacks mapped one below the other
// then start in different cache sets, as the in-page colour makes their contexts do.
#include "sy_internal.h"
#include "sy_sanitizers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif
#if !defined(MAP_STACK)
#define MAP_STACK 0
#endif

enum {
    SY_GUARD_PAGES = 5,
    SY_SMALLEST_CLASS = 15,  // 32 KiB: a signal frame with the widest vector registers must fit as well
    SY_LARGEST_POOLED = 24,  // 16 MiB
    SY_COLOURS = 8,
    SY_COLOUR_BYTES = 64,
    SY_KEPT_BYTES = 16 * 1024,  // resident bytes an idle stack may keep
    SY_CHECK_EVERY = 512,       // releases of one stack between two looks at what it keeps
    SY_RESIDENT_STACKS = 1024,  // idle stacks of a class that may keep resident bytes at all
    SY_MAPPINGS_BEFORE_SLABS = 16000,
    SY_SLAB_STACKS = 256,
    SY_MADV_GUARD_INSTALL = 102,
};

static const uint64_t canary = 0x5377697463687964;

enum { ANY, MAPPINGS, SLABS, UNGUARDED };

typedef struct slab_class {
    char *next;        // first byte not carved yet
    size_t remaining;  // stacks left in the slab
    char **idle;       // maps of idle stacks: their memory is given back, so nothing can be written in them
    size_t idle_count;
    size_t idle_capacity;
} slab_class;

static pthread_mutex_t slab_lock = PTHREAD_MUTEX_INITIALIZER;
static slab_class slab_classes[2][SY_SIZE_CLASSES];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static size_t page_size;
static size_t default_size;
static int forced;
static bool has_guard_markers;
static size_t mappings_limit;

// Of the stacks laid out, those not live are idle; carriers count those.
static _Atomic size_t laid_out_count, abandoned_count, mapping_count, slab_count, unguarded_count;

static size_t kernel_map_limit(void) {
    size_t limit = 65530;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    if (file != NULL) {
        if (fscanf(file, "%zu", &limit) != 1) { limit = 65530; }
        fclose(file);
    }
    return limit;
}

static void prepare(void) {
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    default_size = (sy_sanitizer_is_present() ? 1024 : 256) * 1024;
    const char *force = getenv("SWITCHYARD_STACKS");
    if (force != NULL) {
        if (strcmp(force, "mappings") == 0) { forced = MAPPINGS; }
        if (strcmp(force, "slabs") == 0) { forced = SLABS; }
        if (strcmp(force, "unguarded") == 0) { forced = UNGUARDED; }
    }
#if defined(__linux__)
    void *page = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (page != MAP_FAILED) {
        has_guard_markers = madvise(page, page_size, SY_MADV_GUARD_INSTALL) == 0;
        munmap(page, page_size);
    }
#endif
    mappings_limit = has_guard_markers ? SY_MAPPINGS_BEFORE_SLABS : kernel_map_limit() / 2 * 45 / 100;
}

void sy_stacks_prepare(void) {
    pthread_once(&once, prepare);
}

static uint8_t class_of(size_t size) {
    for (unsigned bits = SY_SMALLEST_CLASS; bits <= SY_LARGEST_POOLED; bits++) {
        // A request between two powers of two gets the three-quarter step where that is enough.
        if (size <= ((size_t)3 << (bits - 2)) && bits > SY_SMALLEST_CLASS) {
            return (uint8_t)((bits - SY_SMALLEST_CLASS) * 2 - 1);
        }
        if (size <= (size_t)1 << bits) { return (uint8_t)((bits - SY_SMALLEST_CLASS) * 2); }
    }
    return SY_UNPOOLED;
}
_Static_assert((SY_LARGEST_POOLED - SY_SMALLEST_CLASS) * 2 < SY_SIZE_CLASSES, "every class needs its list");

static size_t class_size(uint8_t class) {
    size_t bits = SY_SMALLEST_CLASS + (class + 1) / 2;
    return class % 2 == 0 ? (size_t)1 << bits : (size_t)3 << (bits - 2);
}

static size_t guard_size(void) {
    return SY_GUARD_PAGES * page_size;
}

// One page beyond the usable size holds the context and the colour.
static size_t map_size_for(size_t usable) {
    return guard_size() + usable + page_size;
}

static sy_context *lay_out(char *map, size_t map_size, uint8_t class, uint8_t kind, uint8_t colour) {
    uintptr_t top = (uintptr_t)map + map_size - (uintptr_t)(colour % SY_COLOURS) * SY_COLOUR_BYTES;
    sy_context *context = (sy_context *)((top - sizeof(sy_context)) & ~(uintptr_t)63);
    atomic_fetch_add_explicit(&laid_out_count, 1, memory_order_relaxed);
    context->map_ = map;
    context->map_size_ = map_size;
    context->low_ = map + guard_size();
    context->high_ = (char *)context;
    context->releases_ = 0;
    context->size_class_ = class;
    context->kind_ = kind;
    context->colour_ = colour;
    if (kind == SY_STACK_SLAB_UNGUARDED) { *(uint64_t *)(void *)context->low_ = canary; }
    if (__lsan_register_root_region != NULL) {
        __lsan_register_root_region(context->low_, (size_t)(map + map_size - context->low_));
    }
    return context;
}

static void forget_roots(const sy_context *context) {
    if (__lsan_unregister_root_region != NULL) {
        __lsan_unregister_root_region(context->low_, (size_t)(context->map_ + context->map_size_ - context->low_));
    }
}

static sy_context *map_one(size_t usable, uint8_t class, uint8_t colour) {
    size_t size = map_size_for(usable);
    // Readable only where usable: the guard costs no page table that way.
    char *map = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (map == MAP_FAILED) { return NULL; }
    if (mprotect(map + guard_size(), size - guard_size(), PROT_READ | PROT_WRITE) != 0) {
        int error = errno;
        munmap(map, size);
        errno = error;
        return NULL;
    }
#if defined(MADV_NOHUGEPAGE)
    madvise(map, size, MADV_NOHUGEPAGE);
#endif
    atomic_fetch_add_explicit(&mapping_count, 1, memory_order_relaxed);
    return lay_out(map, size, class, SY_STACK_MAPPING, colour);
}

static sy_context *carve(uint8_t class, bool guarded, uint8_t colour) {
    size_t size = map_size_for(class_size(class));
    slab_class *slabs = &slab_classes[guarded][class];
    char *map = NULL;
    bool guard_is_there = false;
    pthread_mutex_lock(&slab_lock);
    if (slabs->idle_count > 0) {
        map = slabs->idle[--slabs->idle_count];
        guard_is_there = true;
        atomic_fetch_sub_explicit(&laid_out_count, 1, memory_order_relaxed);
    } else {
        if (slabs->remaining == 0) {
            char *slab = mmap(NULL, size * SY_SLAB_STACKS, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (slab != MAP_FAILED) {
#if defined(MADV_NOHUGEPAGE)
                madvise(slab, size * SY_SLAB_STACKS, MADV_NOHUGEPAGE);
#endif
                slabs->next = slab;
                slabs->remaining = SY_SLAB_STACKS;
                atomic_fetch_add_explicit(&slab_count, 1, memory_order_relaxed);
            }
        }
        if (slabs->remaining > 0) {
            map = slabs->next;
            slabs->next += size;
            slabs->remaining--;
        }
    }
    pthread_mutex_unlock(&slab_lock);
    if (map == NULL) { return NULL; }
    // Markers outlive MADV_DONTNEED: once per stack is enough.
    if (guarded && !guard_is_there && madvise(map, guard_size(), SY_MADV_GUARD_INSTALL) != 0) { guarded = false; }
    if (!guarded) { atomic_fetch_add_explicit(&unguarded_count, 1, memory_order_relaxed); }
    return lay_out(map, size, class, guarded ? SY_STACK_SLAB : SY_STACK_SLAB_UNGUARDED, colour);
}

static sy_context *fresh_stack(size_t size, uint8_t class, uint8_t colour) {
    if (class == SY_UNPOOLED) { return map_one((size + page_size - 1) / page_size * page_size, class, colour); }
    bool mappings = forced == MAPPINGS;
    if (forced == ANY) { mappings = atomic_load_explicit(&mapping_count, memory_order_relaxed) < mappings_limit; }
    sy_context *context = mappings ? map_one(class_size(class), class, colour) : NULL;
    if (context == NULL && forced != MAPPINGS) {
        context = carve(class, has_guard_markers && forced != UNGUARDED, colour);
    }
    return context;
}

sy_context *sy_stack_acquire(sy_carrier *carrier, size_t size) {
    if (size == 0) { size = default_size; }
    uint8_t class = size == (size_t)256 * 1024 ? 6 : class_of(size);
    sy_context *context = class != SY_UNPOOLED ? carrier->idle[class] : NULL;
    if (context != NULL) {
        carrier->idle[class] = context->next_;
        carrier->idle_count[class]--;
    } else {
        context = fresh_stack(size, class, carrier->next_colour++);
        if (context == NULL) {
            if (errno == 0) { errno = ENOMEM; }
            return NULL;
        }
    }
    context->next_ = NULL;
    return context;
}

// Bytes from the lowest resident page to the top.
static size_t resident_extent(const sy_context *context) {
    unsigned char resident[256];
    // The canary itself keeps the lowest page of an unguarded stack.
    char *low = context->low_ + (context->kind_ == SY_STACK_SLAB_UNGUARDED ? page_size : 0);
    char *end = context->map_ + context->map_size_;
    while (low < end) {
        size_t length = (size_t)(end - low);
        if (length > sizeof resident * page_size) { length = sizeof resident * page_size; }
        if (mincore(low, length, (void *)resident) != 0) { return 0; }
        for (size_t page = 0; page < length / page_size; page++) {
            if (resident[page] & 1) {
                size_t used = (size_t)(end - (low + page * page_size));
                size_t context_bytes = (size_t)(end - context->high_);
                return used > context_bytes ? used - context_bytes : 0;
            }
        }
        low += length;
    }
    return 0;
}

static void give_back_below(sy_context *context, size_t kept) {
    char *end = context->map_ + context->map_size_;
    if ((size_t)(end - context->low_) <= kept) { return; }
    madvise(context->low_, (size_t)(end - context->low_) - kept, MADV_DONTNEED);
    if (kept > 0 && context->kind_ == SY_STACK_SLAB_UNGUARDED) { *(uint64_t *)(void *)context->low_ = canary; }
}

static void unmap(sy_context *context) {
    forget_roots(context);
    atomic_fetch_sub_explicit(&laid_out_count, 1, memory_order_relaxed);
    if (context->kind_ == SY_STACK_MAPPING) {
        munmap(context->map_, context->map_size_);
        atomic_fetch_sub_explicit(&mapping_count, 1, memory_order_relaxed);
        return;
    }
    bool guarded = context->kind_ == SY_STACK_SLAB;
    if (!guarded) { atomic_fetch_sub_explicit(&unguarded_count, 1, memory_order_relaxed); }
    slab_class *slabs = &slab_classes[guarded][context->size_class_];
    char *map = context->map_;
    give_back_below(context, 0);
    pthread_mutex_lock(&slab_lock);
    if (slabs->idle_count == slabs->idle_capacity) {
        size_t capacity = slabs->idle_capacity == 0 ? SY_SLAB_STACKS : slabs->idle_capacity * 2;
        char **idle = realloc(slabs->idle, capacity * sizeof *idle);
        if (idle != NULL) {
            slabs->idle = idle;
            slabs->idle_capacity = capacity;
        }
    }
    // Without memory for the list the address range is lost; its pages are not.
    if (slabs->idle_count < slabs->idle_capacity) {
        slabs->idle[slabs->idle_count++] = map;
        atomic_fetch_add_explicit(&laid_out_count, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&slab_lock);
}

void sy_stack_release(sy_carrier *carrier, sy_context *context) {
    if (sy_unlikely(context->kind_ == SY_STACK_SLAB_UNGUARDED)) {
        if (*(uint64_t *)(void *)context->low_ != canary) { sy_fail(context, sy_canary_message); }
    }
    uint8_t class = context->size_class_;
    bool attached = atomic_load_explicit(&carrier->attached, memory_order_relaxed);
    if (class == SY_UNPOOLED || !attached || carrier->idle_count[class] >= carrier->pool_limit) {
        unmap(context);
        return;
    }
    // What a stack has used can only be seen by asking the kernel (a word that marks the spot would itself keep a page
    // resident in every stack), and asking costs as much as the rest of a spawn. So each stack is asked once in a
    // while. Beyond as many as a busy hub takes again soon none keeps anything, so that a crowd which has left leaves no
    // memory behind.
    if (sy_unlikely(carrier->idle_count[class] >= SY_RESIDENT_STACKS)) {
        give_back_below(context, page_size);
    } else if (sy_unlikely(++context->releases_ % SY_CHECK_EVERY == 0)) {
        if (resident_extent(context) > SY_KEPT_BYTES) { give_back_below(context, SY_KEPT_BYTES); }
    }
    context->next_ = carrier->idle[class];
    carrier->idle[class] = context;
    carrier->idle_count[class]++;
}

void sy_stack_drain_pool(sy_carrier *carrier) {
    for (unsigned class = 0; class < SY_SIZE_CLASSES; class++) {
        sy_context *context = carrier->idle[class];
        carrier->idle[class] = NULL;
        carrier->idle_count[class] = 0;
        while (context != NULL) {
            sy_context *next = context->next_;
            unmap(context);
            context = next;
        }
    }
}

void sy_stack_abandoned(void) {
    atomic_fetch_add_explicit(&abandoned_count, 1, memory_order_relaxed);
}

size_t sy_context_stack_size(const sy_context *context) {
    return (size_t)(context->high_ - context->low_);
}

size_t sy_context_high_water(const sy_context *context) {
    return context->map_ != NULL ? resident_extent(context) : 0;
}

size_t sy_stack_default_size(void) {
    pthread_once(&once, prepare);
    return default_size;
}

sy_stack_guarding sy_stack_get_guarding(void) {
    pthread_once(&once, prepare);
    return has_guard_markers && forced != UNGUARDED ? SY_GUARD_MARKERS : SY_GUARD_CANARIES;
}

sy_stack_statistics sy_stack_get_statistics(void) {
    size_t live = sy_carriers_live();
    size_t laid_out = atomic_load_explicit(&laid_out_count, memory_order_relaxed);
    return (sy_stack_statistics){
        .live = live,
        .idle = laid_out > live ? laid_out - live : 0,
        .abandoned = atomic_load_explicit(&abandoned_count, memory_order_relaxed),
        .mappings = atomic_load_explicit(&mapping_count, memory_order_relaxed),
        .slabs = atomic_load_explicit(&slab_count, memory_order_relaxed),
        .unguarded = atomic_load_explicit(&unguarded_count, memory_order_relaxed),
    };
}
