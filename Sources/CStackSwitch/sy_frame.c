// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// The only C that knows the frame layouts of sy_switch_*.S.
#include "sy_internal.h"

#include <dlfcn.h>

#if defined(__x86_64__) && !defined(SY_THREADS_ONLY)

enum { SY_FRAME_WORDS = 8, SY_FRAME_POINTER = 6, SY_RESUME = 7, SY_FIRST_ARGUMENT = 5 };

#elif defined(__aarch64__) && !defined(SY_THREADS_ONLY)

enum { SY_FRAME_WORDS = 22, SY_FRAME_POINTER = 0, SY_RESUME = 1, SY_FIRST_ARGUMENT = 2, SY_FPCR = 20 };

#endif

#if !defined(SY_THREADS_ONLY)

void *sy_frame_prepare(sy_context *context) {
    uint64_t *frame = (uint64_t *)((uintptr_t)context->high_ & ~(uintptr_t)15) - SY_FRAME_WORDS;
    for (int i = 0; i < SY_FRAME_WORDS; i++) { frame[i] = 0; }
#if defined(__x86_64__)
    frame[0] = sy_fp_control();
#else
    frame[SY_FPCR] = sy_fp_control();
#endif
    frame[SY_FIRST_ARGUMENT] = (uint64_t)(uintptr_t)context;
    frame[SY_RESUME] = (uint64_t)(uintptr_t)&sy_start;
    return frame;
}

void **sy_frame_of(const sy_context *context, void **resume_address) {
    void **frame = context->sp_;
    *resume_address = frame[SY_RESUME];
    return frame[SY_FRAME_POINTER];
}

#else

// Never reached: every carrier of this build uses threads.
void *sy_switch(void **save, void *resume, void *payload) {
    (void)save;
    (void)resume;
    (void)payload;
    __builtin_trap();
}

void *sy_frame_prepare(sy_context *context) {
    (void)context;
    return NULL;
}

void **sy_frame_of(const sy_context *context, void **resume_address) {
    (void)context;
    *resume_address = NULL;
    return NULL;
}

#endif

bool sy_context_contains(const sy_context *context, const void *address) {
    return (const char *)address >= context->low_ && (const char *)address < context->high_;
}

SY_UNINSTRUMENTED
size_t sy_context_backtrace(const sy_context *context, void **addresses, size_t capacity) {
    if (context->sp_ == NULL || context->state_ != SY_STARTED || context->carrier->running == context) { return 0; }
    void *address = NULL;
    void **frame = sy_frame_of(context, &address);
    size_t count = 0;
    while (count < capacity && address != NULL) {
        addresses[count++] = address;
        // A register that is no frame pointer in optimised C may hold anything; the stack's bounds keep this safe.
        if (!sy_context_contains(context, frame) || !sy_context_contains(context, frame + 1)
            || ((uintptr_t)frame & (sizeof(void *) - 1)) != 0) {
            break;
        }
        void **caller = frame[0];
        address = frame[1];
        if (caller != NULL && caller <= frame) { break; }
        frame = caller;
    }
    return count;
}

const char *sy_symbol_name(const void *address) {
    Dl_info info;
    return dladdr(address, &info) != 0 ? info.dli_sname : NULL;
}
