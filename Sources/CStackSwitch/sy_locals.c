// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Where the list of task-local bindings in force stands, for checks of debug builds.
//
// The list cannot be asked for its head, but a binding can be pushed and its value's address asked for: the value lies
// behind the item's header, of which the word three before it links to the item that was the head. Whether that is so is
// tried out with nested bindings, on a private thread; where it is not, nothing is read.
#include "sy_internal.h"
#include "sy_sanitizers.h"

#include <stdlib.h>

#if defined(__clang__)
#define SY_SWIFTCALL __attribute__((swiftcall))

extern SY_SWIFTCALL void swift_task_localValuePush(const void *key, void *value, const void *type) SY_WEAK;
extern SY_SWIFTCALL void swift_task_localValuePop(void) SY_WEAK;
extern SY_SWIFTCALL const uintptr_t *swift_task_localValueGet(const void *key) SY_WEAK;
#if defined(__APPLE__)
extern char int_metadata __asm__("_$sSiN") SY_WEAK;
#else
extern char int_metadata __asm__("$sSiN") SY_WEAK;
#endif

enum { NEXT = -3, KEY = -2, TYPE = -1 };
// The link's low bits say of what kind the item is.
static const uintptr_t kind = 7;

static const char keys[3];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_known;

SY_UNINSTRUMENTED
static const uintptr_t *push(const char *key, long value) {
    swift_task_localValuePush(key, &value, &int_metadata);
    return swift_task_localValueGet(key);
}

SY_UNINSTRUMENTED
static uintptr_t head(void) {
    const uintptr_t *item = push(&keys[0], 0);
    uintptr_t next = item == NULL ? 0 : item[NEXT] & ~kind;
    swift_task_localValuePop();
    return next;
}

SY_UNINSTRUMENTED
static bool is_item(const uintptr_t *item, const char *key, long value) {
    return item != NULL && item[0] == (uintptr_t)value && item[KEY] == (uintptr_t)key
        && item[TYPE] == (uintptr_t)&int_metadata;
}

SY_UNINSTRUMENTED
static void *try_out(void *ignored) {
    (void)ignored;
    const uintptr_t *outer = push(&keys[1], 41);
    if (is_item(outer, &keys[1], 41)) {
        uintptr_t outer_item = (uintptr_t)(outer + NEXT);
        uintptr_t before = outer[NEXT] & ~kind;
        bool right = head() == outer_item;
        const uintptr_t *inner = push(&keys[2], 42);
        if (is_item(inner, &keys[2], 42)) {
            right = right && (inner[NEXT] & ~kind) == outer_item && head() == (uintptr_t)(inner + NEXT);
            swift_task_localValuePop();
            right = right && head() == outer_item;
            swift_task_localValuePop();
            is_known = right && before == 0 && head() == 0;
            return NULL;
        }
        swift_task_localValuePop();
    }
    swift_task_localValuePop();
    return NULL;
}

static void find_out(void) {
    if (swift_task_localValuePush == NULL || swift_task_localValuePop == NULL || swift_task_localValueGet == NULL
        || &int_metadata == NULL) {
        return;
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, try_out, NULL) == 0) { pthread_join(thread, NULL); }
}

bool sy_runtime_reads_locals(void) {
    pthread_once(&once, find_out);
    return is_known;
}

uintptr_t sy_runtime_locals_head(void) {
    return sy_runtime_reads_locals() ? head() : 0;
}

#else

bool sy_runtime_reads_locals(void) { return false; }
uintptr_t sy_runtime_locals_head(void) { return 0; }

#endif
