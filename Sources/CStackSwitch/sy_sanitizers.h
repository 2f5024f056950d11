// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Notices to ThreadSanitizer, AddressSanitizer and LeakSanitizer about stacks and switches.
//
// SwiftPM's `--sanitize` reaches C targets, so the build knows. The functions are weak nevertheless: an object built
// plainly and linked into a sanitized image (and the other way round) finds what there is at start-up, and the cost on
// the plain path is the one test of `carrier->slow` that is there anyway.
#ifndef SY_SANITIZERS_H
#define SY_SANITIZERS_H

#include "sy_internal.h"

#if defined(__APPLE__)
#define SY_WEAK __attribute__((weak_import))
#else
#define SY_WEAK __attribute__((weak))
#endif

extern void *__tsan_get_current_fiber(void) SY_WEAK;
extern void *__tsan_create_fiber(unsigned flags) SY_WEAK;
extern void __tsan_destroy_fiber(void *fiber) SY_WEAK;
extern void __tsan_switch_to_fiber(void *fiber, unsigned flags) SY_WEAK;
extern void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size) SY_WEAK;
extern void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size) SY_WEAK;
extern void __asan_unpoison_memory_region(const volatile void *address, size_t size) SY_WEAK;
extern void __lsan_register_root_region(const void *address, size_t size) SY_WEAK;
extern void __lsan_unregister_root_region(const void *address, size_t size) SY_WEAK;

static inline bool sy_sanitizer_is_present(void) {
    return __tsan_switch_to_fiber != NULL || __sanitizer_start_switch_fiber != NULL;
}

/// Also for the root, whose fiber is the thread itself.
SY_UNINSTRUMENTED static inline void sy_sanitizer_created(sy_context *context) {
    if (__tsan_create_fiber == NULL) { return; }
    bool root = context == &context->carrier->root;
    context->fiber_ = root ? __tsan_get_current_fiber() : __tsan_create_fiber(0);
}

SY_UNINSTRUMENTED static inline void sy_sanitizer_destroyed(sy_context *context) {
    if (__tsan_destroy_fiber != NULL && context->fiber_ != NULL) { __tsan_destroy_fiber(context->fiber_); }
    context->fiber_ = NULL;
    // Frames left without returning keep their red zones poisoned.
    if (__asan_unpoison_memory_region != NULL) {
        __asan_unpoison_memory_region(context->low_, (size_t)(context->high_ - context->low_));
    }
}

/// Last thing before the swap. `for_good`: nothing will arrive in `from` again.
SY_UNINSTRUMENTED static inline void sy_sanitizer_leave(sy_context *from, sy_context *to, bool for_good) {
    if (__sanitizer_start_switch_fiber != NULL) {
        void **fake_stack = for_good ? NULL : &from->fake_stack_;
        __sanitizer_start_switch_fiber(fake_stack, to->low_, (size_t)(to->high_ - to->low_));
    }
    if (__tsan_switch_to_fiber != NULL) { __tsan_switch_to_fiber(to->fiber_, 0); }
}

/// First thing after the swap, on the stack that has just been resumed or started.
SY_UNINSTRUMENTED static inline void sy_sanitizer_arrive(sy_context *context) {
    if (__sanitizer_finish_switch_fiber != NULL) {
        __sanitizer_finish_switch_fiber(context->fake_stack_, NULL, NULL);
    }
}

#endif
