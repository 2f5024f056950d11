// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// The Swift runtime's per-thread state: found by experiment, never by a known offset.
//
// Four words in thread-local storage decide what a thread is doing as far as the runtime is concerned. None has an
// address that can be asked for, but each has an exported function that reads or writes it. On a private thread, with
// signals blocked, where nothing else can see the experiment:
//
//   task      store a marker in a word; `swift_task_getCurrent` returns it      -> that is the word
//   tracking  store the address of a block; `swift_task_getCurrentExecutor` answers from that block -> that is the word
//   locals    push a task-local value outside a task: the word that was zero, and is zero again after the pop
//   accesses  begin a tracked access: the word that holds the address of its record, and is zero again after the end
//
// The words are searched in the thread-local block of the image the function is in, then in all others: with a static
// standard library they are in the executable's. What is remembered is (image, offset); each carrier thread asks for
// the address of its own block once.
#include "sy_internal.h"
#include "sy_sanitizers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__ELF__)
#include <link.h>
#endif

#if defined(__clang__)
#define SY_SWIFTCALL __attribute__((swiftcall))

typedef struct executor_reference {
    void *identity;
    void *implementation;
} executor_reference;

extern SY_SWIFTCALL void *swift_task_getCurrent(void) SY_WEAK;
extern SY_SWIFTCALL executor_reference swift_task_getCurrentExecutor(void) SY_WEAK;
extern SY_SWIFTCALL void swift_task_localValuePush(const void *key, void *value, const void *type) SY_WEAK;
extern SY_SWIFTCALL void swift_task_localValuePop(void) SY_WEAK;
extern void swift_beginAccess(void *pointer, void *buffer, uintptr_t flags, void *pc) SY_WEAK;
extern void swift_endAccess(void *buffer) SY_WEAK;
extern void swift_task_enterThreadLocalContext(char *state) SY_WEAK;
extern void swift_task_exitThreadLocalContext(char *state) SY_WEAK;
#if defined(__APPLE__)
extern char int_metadata __asm__("_$sSiN") SY_WEAK;
#else
extern char int_metadata __asm__("$sSiN") SY_WEAK;
#endif
#define SY_HAS_SWIFT 1
#endif

enum { TASK, TRACKING, LOCALS, ACCESSES, WORDS };

typedef struct location {
    bool found;
    uintptr_t image;  // load address, which identifies an image for as long as it stays loaded
    size_t offset;
} location;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static location locations[WORDS];
static _Atomic uint32_t capabilities;
static char description[512];

#if defined(SY_HAS_SWIFT)

// ---------------------------------------------------------------------------------------- thread-local blocks

typedef struct block {
    uintptr_t image;
    char *start;
    size_t size;
    bool preferred;
} block;

enum { MOST_BLOCKS = 256 };

typedef struct block_list {
    block blocks[MOST_BLOCKS];
    size_t count;
    const void *symbol;
} block_list;

#if defined(__ELF__)

static int collect(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    block_list *list = context;
    if (info->dlpi_tls_data == NULL || list->count == MOST_BLOCKS) { return 0; }
    block found = {.image = (uintptr_t)info->dlpi_addr, .start = info->dlpi_tls_data};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_TLS) { found.size = header->p_memsz; }
        uintptr_t start = (uintptr_t)info->dlpi_addr + header->p_vaddr;
        uintptr_t symbol = (uintptr_t)list->symbol;
        bool holds = header->p_type == PT_LOAD && symbol >= start && symbol - start < header->p_memsz;
        found.preferred = found.preferred || holds;
    }
    if (found.size > 0) { list->blocks[list->count++] = found; }
    return 0;
}

static void list_blocks(block_list *list, const void *symbol) {
    list->count = 0;
    list->symbol = symbol;
    dl_iterate_phdr(collect, list);
}

#elif defined(__APPLE__)

// The runtime keeps its words in the reserved slots 100 to 109 of the thread's slot array.
static void list_blocks(block_list *list, const void *symbol) {
    (void)symbol;
    enum { FIRST_KEY = 100, KEYS = 10 };
    uintptr_t slots;
#if defined(__aarch64__)
    __asm__("mrs %0, tpidrro_el0" : "=r"(slots));
    slots &= ~(uintptr_t)7;
#else
    __asm__("movq %%gs:0, %0" : "=r"(slots));
#endif
    list->count = 1;
    list->blocks[0] = (block){
        .start = (char *)(slots + FIRST_KEY * sizeof(void *)), .size = KEYS * sizeof(void *), .preferred = true};
}

#else

static void list_blocks(block_list *list, const void *symbol) {
    (void)symbol;
    list->count = 0;
}

#endif

typedef bool (*is_the_word)(void **word, void *context);

// Tries the words of the preferred blocks first. Only a word for which `test` is true is taken; each test leaves the
// word as it was.
SY_UNINSTRUMENTED
static location search(const void *symbol, is_the_word test, void *context) {
    static block_list list;
    list_blocks(&list, symbol);
    for (int preferred = 1; preferred >= 0; preferred--) {
        for (size_t i = 0; i < list.count; i++) {
            const block *block = &list.blocks[i];
            if (block->preferred != (preferred == 1)) { continue; }
            size_t first = (sizeof(void *) - (uintptr_t)block->start % sizeof(void *)) % sizeof(void *);
            for (size_t offset = first; offset + sizeof(void *) <= block->size; offset += sizeof(void *)) {
                if (test((void **)(void *)(block->start + offset), context)) {
                    return (location){.found = true, .image = block->image, .offset = offset};
                }
            }
        }
    }
    return (location){0};
}

static void **address_of(const location *location, const block_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        const block *block = &list->blocks[i];
        if (location->found && block->image == location->image && location->offset + sizeof(void *) <= block->size) {
            return (void **)(void *)(block->start + location->offset);
        }
    }
    return NULL;
}

// -------------------------------------------------------------------------------------------- the experiments

SY_UNINSTRUMENTED
static bool is_task_word(void **word, void *context) {
    (void)context;
    static char marker;
    if (*word != NULL) { return false; }
    *(void *volatile *)word = &marker;
    bool matches = swift_task_getCurrent() == (void *)&marker;
    *(void *volatile *)word = NULL;
    return matches;
}

SY_UNINSTRUMENTED
static bool is_tracking_word(void **word, void *context) {
    (void)context;
    // An executor record begins with the active executor; nothing beyond is read for this question.
    static void *record[16];
    static char identity;
    record[0] = &identity;
    if (*word != NULL) { return false; }
    *(void *volatile *)word = record;
    bool matches = swift_task_getCurrentExecutor().identity == (void *)&identity;
    *(void *volatile *)word = NULL;
    return matches;
}

typedef struct candidates {
    void **words[64];
    void *values[64];
    size_t count;
} candidates;

SY_UNINSTRUMENTED
static location locate_locals(const location *task) {
    // In the block of the task word only: a push calls the allocator, whose own words change as well.
    static block_list list;
    list_blocks(&list, (const void *)swift_task_localValuePush);
    const block *home = NULL;
    for (size_t i = 0; i < list.count; i++) {
        if (list.blocks[i].image == task->image) { home = &list.blocks[i]; }
    }
    if (home == NULL) { return (location){0}; }
    static char key;
    long value = 1;
    // Warm up what allocates on first use.
    swift_task_localValuePush(&key, &value, &int_metadata);
    swift_task_localValuePop();

    size_t words = home->size / sizeof(void *);
    unsigned char *was_zero = calloc(words, 1);
    if (was_zero == NULL) { return (location){0}; }
    void **start = (void **)(void *)home->start;
    for (size_t i = 0; i < words; i++) { was_zero[i] = *(void *volatile *)&start[i] == NULL; }
    swift_task_localValuePush(&key, &value, &int_metadata);
    for (size_t i = 0; i < words; i++) { was_zero[i] &= *(void *volatile *)&start[i] != NULL; }
    swift_task_localValuePop();
    size_t found = 0, at = 0;
    for (size_t i = 0; i < words; i++) {
        if (was_zero[i] && *(void *volatile *)&start[i] == NULL) {
            found++;
            at = i;
        }
    }
    free(was_zero);
    if (found != 1) { return (location){0}; }
    return (location){.found = true, .image = home->image, .offset = at * sizeof(void *)};
}

SY_UNINSTRUMENTED
static bool holds_address(void **word, void *context) {
    return *(void *volatile *)word == context;
}

SY_UNINSTRUMENTED
static location locate_accesses(void) {
    enum { MODIFY = 1, TRACKING_FLAG = 0x20 };
    static long variable;
    static void *record[3];
    swift_beginAccess(&variable, record, MODIFY | TRACKING_FLAG, NULL);
    location found = search((const void *)swift_beginAccess, holds_address, record);
    swift_endAccess(record);
    if (!found.found) { return found; }
    static block_list list;
    list_blocks(&list, (const void *)swift_beginAccess);
    void **word = address_of(&found, &list);
    // The same word must be empty now, and name the record of a second access.
    if (word == NULL || *(void *volatile *)word != NULL) { return (location){0}; }
    swift_beginAccess(&variable, record, MODIFY | TRACKING_FLAG, NULL);
    bool again = *(void *volatile *)word == (void *)record;
    swift_endAccess(record);
    return again ? found : (location){0};
}

static void *locate_everything(void *ignored) {
    (void)ignored;
    if (swift_task_getCurrent != NULL) {
        // Also makes the loader allocate the block for this thread.
        if (swift_task_getCurrent() == NULL) {
            locations[TASK] = search((const void *)swift_task_getCurrent, is_task_word, NULL);
        }
        if (swift_task_getCurrentExecutor != NULL) {
            (void)swift_task_getCurrentExecutor();
            locations[TRACKING] = search((const void *)swift_task_getCurrentExecutor, is_tracking_word, NULL);
        }
        if (locations[TASK].found && swift_task_localValuePush != NULL && swift_task_localValuePop != NULL
            && &int_metadata != NULL) {
            locations[LOCALS] = locate_locals(&locations[TASK]);
        }
    }
    if (swift_beginAccess != NULL && swift_endAccess != NULL) { locations[ACCESSES] = locate_accesses(); }
    return NULL;
}

static void run_self_test(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    if (pthread_create(&thread, NULL, locate_everything, NULL) == 0) { pthread_join(thread, NULL); }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool has_access_calls(void) {
    return swift_task_enterThreadLocalContext != NULL && swift_task_exitThreadLocalContext != NULL;
}

static bool has_concurrency(void) {
    return swift_task_getCurrent != NULL;
}

#else

static void run_self_test(void) {}
static bool has_access_calls(void) { return false; }
static bool has_concurrency(void) { return false; }

#endif

// ----------------------------------------------------------------------------------------------------- results

static void describe(uint32_t found, const char *forced) {
    static const char *const names[WORDS] = {"task", "tracking", "locals", "accesses"};
    size_t length = (size_t)snprintf(description, sizeof description, "Swift runtime state%s%s%s:",
                                     forced != NULL ? " (forced: " : "", forced != NULL ? forced : "",
                                     forced != NULL ? ")" : "");
    for (int i = 0; i < WORDS && length < sizeof description; i++) {
        char *end = description + length;
        size_t left = sizeof description - length;
        if (locations[i].found) {
            length += (size_t)snprintf(end, left, " %s at offset %zu of the image at 0x%zx;", names[i],
                                       locations[i].offset, (size_t)locations[i].image);
        } else {
            length += (size_t)snprintf(end, left, " %s not found;", names[i]);
        }
    }
    if (length < sizeof description) {
        snprintf(description + length, sizeof description - length, " accesses by call: %s; capabilities 0x%x",
                 found & SY_RUNTIME_ACCESSES_BY_CALL ? "yes" : "no", found);
    }
}

static void find_out(void) {
    const char *forced = getenv("SWITCHYARD_RUNTIME_STATE");
    bool fallback = forced != NULL && strcmp(forced, "fallback") == 0;
    bool off = forced != NULL && strcmp(forced, "off") == 0;
    if (!fallback && !off) {
        forced = NULL;
        run_self_test();
    }
    uint32_t found = has_concurrency() ? SY_RUNTIME_PRESENT : 0;
    if (locations[TASK].found) { found |= SY_RUNTIME_TASK; }
    if (locations[TRACKING].found) { found |= SY_RUNTIME_TRACKING; }
    if (locations[LOCALS].found) { found |= SY_RUNTIME_LOCALS; }
    if (locations[ACCESSES].found) { found |= SY_RUNTIME_ACCESSES; }
    if (!off && !locations[ACCESSES].found && has_access_calls()) { found |= SY_RUNTIME_ACCESSES_BY_CALL; }
    atomic_store(&capabilities, found);
    describe(found, forced);
}

uint32_t sy_runtime_get_capabilities(void) {
    pthread_once(&once, find_out);
    return atomic_load_explicit(&capabilities, memory_order_relaxed);
}

const char *sy_runtime_description(void) {
    pthread_once(&once, find_out);
    return description;
}

bool sy_runtime_locate_words(sy_word_addresses *words) {
    pthread_once(&once, find_out);
    words->task = &words->nowhere[TASK];
    words->tracking = &words->nowhere[TRACKING];
    words->locals = &words->nowhere[LOCALS];
    words->accesses = &words->nowhere[ACCESSES];
    words->exceptions = &words->nowhere[WORDS];
#if defined(SY_HAS_SWIFT)
    // A block that the loader allocates lazily exists after its first use by the thread.
    if (swift_task_getCurrent != NULL) { (void)swift_task_getCurrent(); }
    if (locations[ACCESSES].found) {
        static const int ignored = 0;
        void *record[3] = {0};
        swift_beginAccess((void *)&ignored, record, 0x20, NULL);
        swift_endAccess(record);
    }
    block_list *list = malloc(sizeof *list);
    if (list == NULL) { return false; }
    list_blocks(list, NULL);
    void **found[WORDS];
    for (int i = 0; i < WORDS; i++) { found[i] = address_of(&locations[i], list); }
    free(list);
    uint32_t known = sy_runtime_get_capabilities();
    if (found[TASK] != NULL && (known & SY_RUNTIME_TASK)) { words->task = found[TASK]; }
    if (found[TRACKING] != NULL && (known & SY_RUNTIME_TRACKING)) { words->tracking = found[TRACKING]; }
    if (found[LOCALS] != NULL) { words->locals = found[LOCALS]; }
    if (found[ACCESSES] != NULL) { words->accesses = found[ACCESSES]; }
#endif
    return true;
}

__attribute__((noinline)) void *sy_runtime_current_task(void) {
#if defined(SY_HAS_SWIFT)
    return swift_task_getCurrent != NULL ? swift_task_getCurrent() : NULL;
#else
    return NULL;
#endif
}

// NULL on a thread that is no carrier.
static const sy_word_addresses *words_here(void) {
    const sy_carrier *carrier = sy_carrier_current();
    if (carrier == NULL) { return NULL; }
    return carrier->slow & SY_SLOW_THREADS ? sy_threads_words(sy_thread_context()) : &carrier->words;
}

SY_UNINSTRUMENTED
sy_runtime_words sy_runtime_current_words(void) {
    sy_runtime_words words = {0};
    const sy_word_addresses *here = words_here();
    if (here != NULL) {
        words = (sy_runtime_words){*here->task, *here->tracking, *here->locals, *here->accesses};
    }
    return words;
}

SY_UNINSTRUMENTED
sy_runtime_words sy_runtime_clear_task(void) {
    sy_runtime_words words = sy_runtime_current_words();
    sy_runtime_restore_words((sy_runtime_words){0});
    return words;
}

SY_UNINSTRUMENTED
void sy_runtime_restore_words(sy_runtime_words words) {
    const sy_word_addresses *here = words_here();
    if (here == NULL) { return; }
    *here->task = words.task;
    *here->tracking = words.tracking;
}

bool sy_runtime_verify_in_job(void) {
    sy_carrier *carrier = sy_carrier_attach();
    if (carrier == NULL) { return false; }
    uint32_t both = SY_RUNTIME_TASK | SY_RUNTIME_TRACKING;
    bool known = (sy_runtime_get_capabilities() & both) == both;
    void *task = sy_runtime_current_task();
    sy_runtime_words words = sy_runtime_current_words();
    bool right = known && task != NULL && words.task == task && words.tracking != NULL;
    if (known && !right) { atomic_fetch_and(&capabilities, ~both); }
    sy_carrier_detach(carrier);
    return right;
}

void sy_runtime_enter_accesses(sy_context *context) {
#if defined(SY_HAS_SWIFT)
    swift_task_enterThreadLocalContext((char *)context->access_state_);
#else
    (void)context;
#endif
}

void sy_runtime_exit_accesses(sy_context *context) {
#if defined(SY_HAS_SWIFT)
    swift_task_exitThreadLocalContext((char *)context->access_state_);
#else
    (void)context;
#endif
}
