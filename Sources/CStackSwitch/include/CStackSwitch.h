// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Stacks, and the switch between them.
//
//   carrier   an OS thread that runs contexts: a hub's thread, or any thread on which a fiber is made
//   context   a stack with its saved registers and the per-thread state of the Swift runtime that goes with them
//   root      the context that stands for the carrier's own, native stack
//
// A context belongs to one carrier for life. Unless a function says otherwise it is called on that carrier's thread,
// and from any context of it. Nothing here takes a lock on the way from one context to another.
//
// The life of a context:
//
//   sy_carrier *carrier = sy_carrier_attach();
//   sy_context *worker = sy_context_create(carrier, 0, body, argument);   // fresh: nothing has run
//   sy_context_switch(sy_carrier_root(carrier), worker, NULL);            // runs `body(argument)` to its first switch
//   …                                                                     // suspended, resumed, suspended
//   // inside the body, its last act:  sy_context_exit_to(worker, root, NULL);
//   sy_context_destroy(worker);                                           // the stack goes back to the pool
//
// Saved stack pointers and all other state live in C memory, never in a Swift stored property: an exclusive access to
// such a property would stay open across the switch.
#ifndef C_STACK_SWITCH_H
#define C_STACK_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

#if defined(__clang__)
#define SY_NONNULL _Nonnull
#define SY_NULLABLE _Nullable
#define SY_NULL_UNSPECIFIED _Null_unspecified
#else
#define SY_NONNULL
#define SY_NULLABLE
#define SY_NULL_UNSPECIFIED
#endif

// ---------------------------------------------------------------------------------------------------- types

/// How many words of the embedder's own per-thread state follow a context (`sy_carrier_set_user_words`).
#define SY_USER_WORDS 3

/// The words of the Swift runtime's per-thread state that follow a context.
typedef struct sy_runtime_words {
    /// The running task (`swift_task_getCurrent`); NULL outside a task.
    void *SY_NULLABLE task;
    /// Head of the runtime's list of executor records, which live on the stacks of running jobs.
    void *SY_NULLABLE tracking;
    /// Task-local values bound outside a task.
    void *SY_NULLABLE locals;
    /// Head of the list of exclusive accesses in progress, whose nodes live on the stack.
    void *SY_NULLABLE accesses;
} sy_runtime_words;

typedef struct sy_carrier sy_carrier;
typedef struct sy_context sy_context;

/// First function of a context. It must not be left by unwinding.
///
/// It may end in either way: by `sy_context_exit_to` from a frame that owns nothing (a frame that never returns keeps
/// every reference it holds), or by returning after `sy_context_set_exit_target` has named where to go.
typedef void (*sy_entry)(void *SY_NULLABLE argument);

/// A context. All fields but the first four are private to this module; the public ones belong to the embedder and may
/// be read and written at any time on the carrier's thread. The memory is the top of the context's own stack.
struct sy_context {
    /// The embedder's pointer, for instance the object this context runs. Zero in a fresh context.
    void *SY_NULLABLE owner;
    /// Name printed when the stack overflows, in dumps and by aborts: UTF-8, terminated by zero, owned by the embedder
    /// and valid until the context is destroyed or the name replaced. NULL prints the identifier alone.
    const char *SY_NULLABLE name;
    /// Number printed beside the name.
    uint64_t identifier;
    /// The carrier the context belongs to. Read only.
    sy_carrier *SY_NONNULL carrier;

    void *SY_NULLABLE sp_;
    uintptr_t has_words_;
    sy_runtime_words runtime_;
    void *SY_NULLABLE exceptions_[2];
    void *SY_NULLABLE user_[SY_USER_WORDS];

    sy_entry SY_NULLABLE entry_;
    void *SY_NULLABLE argument_;
    sy_context *SY_NULLABLE exit_target_;
    void *SY_NULLABLE exit_payload_;
    char *SY_NULLABLE map_;
    size_t map_size_;
    char *SY_NULLABLE low_;
    char *SY_NULLABLE high_;
    uint32_t releases_;
    uint8_t size_class_;
    uint8_t kind_;
    uint8_t state_;
    uint8_t colour_;
    void *SY_NULLABLE access_state_[4];
    void *SY_NULLABLE fiber_;
    void *SY_NULLABLE fake_stack_;
    void *SY_NULLABLE thread_;
    sy_context *SY_NULLABLE next_;
};

// -------------------------------------------------------------------------------------------------- carriers

/// Makes the calling thread a carrier, or returns the carrier it already is; each call is paired with a detach.
///
/// The first call of the process runs the self-test that locates the Swift runtime's per-thread state (on a private
/// thread, about a millisecond); the first of a thread locates that thread's copies of the words, sets up an
/// alternate signal stack if the thread has none, and creates the root context. Any thread may call it, but not from
/// a context of another carrier. Returns NULL when memory is exhausted.
sy_carrier *SY_NULLABLE sy_carrier_attach(void);

/// Pairs with `sy_carrier_attach`. The last one gives back the carrier's pooled stacks and its signal stack.
///
/// Call it on the carrier's thread and on its root context. Contexts that still exist keep the carrier's memory alive;
/// they can no longer be switched to, only destroyed or abandoned, by one thread at a time. A thread that exits while
/// attached is detached by the system's thread-exit handling.
void sy_carrier_detach(sy_carrier *SY_NONNULL carrier);

/// A function to be called on a carrier's thread and root context, while everything still works, before its last detach:
/// the place to unwind what is suspended. One for the process.
void sy_set_carrier_exit_hook(void (*SY_NULLABLE hook)(sy_carrier *SY_NONNULL));

/// The calling thread's carrier, NULL when it is none. Out of line: the answer is never cached across a switch.
sy_carrier *SY_NULLABLE sy_carrier_current(void);

/// Whether the carrier's thread still runs it. From any thread.
bool sy_carrier_is_attached(const sy_carrier *SY_NONNULL carrier);

/// The context of the carrier's own stack. It is never destroyed, and outlives the last detach only as long as the
/// carrier does.
sy_context *SY_NONNULL sy_carrier_root(const sy_carrier *SY_NONNULL carrier);

/// The context that is running on the carrier. Maintained by `sy_context_switch`, not by the raw switch.
sy_context *SY_NONNULL sy_carrier_running(const sy_carrier *SY_NONNULL carrier);

/// Names the embedder's per-thread words that are to be right for every context: `SY_USER_WORDS` pointers in a row, for
/// instance the first three of the thread's execution-context block. The running context's values
/// (`sy_context_set_user_word`; zero in a fresh context) are stored there by `sy_context_switch`, in the same call as
/// everything else. They are installed and never read back: change them through `sy_context_set_user_word` only.
/// The root takes the values found at this call. Set it once per carrier, on its root, before the first switch; NULL
/// turns it off.
void sy_carrier_set_user_words(sy_carrier *SY_NONNULL carrier, void *SY_NULLABLE *SY_NULLABLE words);

/// Where the runtime keeps the current task of the carrier's thread; NULL if that was not found. Read only.
void *SY_NULLABLE const *SY_NULLABLE sy_carrier_task_word(const sy_carrier *SY_NONNULL carrier);

/// How many idle stacks of each size class this carrier keeps (default 4,096). Those beyond the first 1,024 keep their
/// address ranges only; their memory goes back to the system.
void sy_carrier_set_pool_limit(sy_carrier *SY_NONNULL carrier, size_t stacks);

// -------------------------------------------------------------------------------------------------- contexts

/// Makes a context that will call `entry(argument)` when first switched to.
///
/// - `stack_size`: usable bytes, rounded up to a size class; 0 for the default (256 KiB; four times that under a
///   sanitizer). The memory is virtual until touched. A guard lies below it.
/// - It starts with the creator's floating-point control word, and without a current task, task-local values bound
///   outside a task, or exclusive accesses in progress.
/// - It owns its stack until `sy_context_destroy`. `argument` is passed on untouched; who frees it is the embedder's
///   affair, also when the context never starts.
/// - Returns NULL, with `errno` set, when no stack can be had; nothing has changed then and a retry may work.
sy_context *SY_NULLABLE sy_context_create(
    sy_carrier *SY_NONNULL carrier, size_t stack_size, sy_entry SY_NONNULL entry, void *SY_NULLABLE argument);

/// Gives the stack back to the pool. The context must be fresh or finished: a suspended one still owns whatever its
/// frames hold, and destroying it aborts with a message that names it. Not for the root or the running context.
void sy_context_destroy(sy_context *SY_NONNULL context);

/// Gives up on a suspended context that refuses to unwind: its stack stays mapped for ever, is counted
/// (`sy_stack_statistics.abandoned`), and the context must not be used again.
void sy_context_abandon(sy_context *SY_NONNULL context);

/// Suspends `from`, which must be the running context, and runs `to` until something switches back. Returns the
/// payload of the switch that resumed `from`. The first switch into a fresh context drops its payload: the body gets
/// the argument given at creation.
///
/// *The* switch: it saves and loads the callee-saved registers, the floating-point control, the Swift runtime's words, the
/// C++ exceptions that are being handled (where the process holds a C++ runtime), installs the user words, keeps `sy_carrier_running` right, and tells the sanitizers. Any context of a carrier may
/// switch to any other directly. `to` must be neither finished nor `from` itself.
///
/// Floating-point control is what <fenv.h> sets: rounding and exception masks. On x86-64, flushing of denormals, which
/// only the vector unit's register has, belongs to the thread and is the same for all its contexts.
void *SY_NULL_UNSPECIFIED sy_context_switch(
    sy_context *SY_NONNULL from, sy_context *SY_NONNULL to, void *SY_NULLABLE payload);

/// Leaves `from` for good and resumes `to` with the payload; `from` is finished afterwards and may be destroyed by
/// whoever runs next. The calling frame is never resumed: it must own nothing, which in Swift means a function
/// without locals that need a release, or an entry that returns and lets `sy_context_set_exit_target` do the rest.
_Noreturn void sy_context_exit_to(
    sy_context *SY_NONNULL from, sy_context *SY_NONNULL to, void *SY_NULLABLE payload);

/// Says where control goes when the entry function of `context` returns. Set it at any time before; a context whose
/// entry returns without a target aborts the process. This is the way out that cannot leak.
void sy_context_set_exit_target(
    sy_context *SY_NONNULL context, sy_context *SY_NONNULL to, void *SY_NULLABLE payload);

/// Swaps registers only: no runtime words, no user words, and `sy_carrier_running` stays as it was.
///
/// Correct only between two contexts neither of which runs Swift code that binds task-locals, is inside a task or has
/// an access open: the benchmark of the bare swap, and C tests. Everything else uses `sy_context_switch`.
void *SY_NULL_UNSPECIFIED sy_context_switch_raw(
    sy_context *SY_NONNULL from, sy_context *SY_NONNULL to, void *SY_NULLABLE payload);

/// Whether the context has never been switched to.
bool sy_context_is_fresh(const sy_context *SY_NONNULL context);

/// Whether the context has left for good.
bool sy_context_is_finished(const sy_context *SY_NONNULL context);

/// Gives a context that is not running the runtime words it will wake with.
///
/// A hub-hosted context needs no call: it starts with none. A portal passes its host task's words before *every*
/// entry: `task` and `tracking` name the job that is on the carrier's native stack now. `locals` and `accesses` of the
/// context are its own and stay as they are.
void sy_context_set_host(
    sy_context *SY_NONNULL context, void *SY_NULLABLE task, void *SY_NULLABLE tracking);

/// The runtime words a context that is not running was suspended with (or will start with).
sy_runtime_words sy_context_runtime_words(const sy_context *SY_NONNULL context);

/// A user word of a context. Setting one of the running context changes the thread's word as well.
void sy_context_set_user_word(sy_context *SY_NONNULL context, unsigned index, void *SY_NULLABLE value);
/// The first two words of a context that has not started.
static inline void sy_context_init_user_words(
    sy_context *SY_NONNULL context, void *SY_NULLABLE first, void *SY_NULLABLE second) {
    context->user_[0] = first;
    context->user_[1] = second;
}

/// Gives the context the words of the carrier's own stack: for one that is about to end.
void sy_context_reset_user_words(sy_context *SY_NONNULL context);
void *SY_NULLABLE sy_context_user_word(const sy_context *SY_NONNULL context, unsigned index);

/// Usable bytes of the stack. For the root: the native stack's.
size_t sy_context_stack_size(const sy_context *SY_NONNULL context);

/// The most the stack has ever been used, in bytes, to the page. Stacks are reused: use by earlier contexts counts
/// until the pages have been given back. Costs a system call. 0 for the root and where the system cannot tell.
size_t sy_context_high_water(const sy_context *SY_NONNULL context);

/// Whether `address` lies in the usable part of the context's stack.
bool sy_context_contains(const sy_context *SY_NONNULL context, const void *SY_NULLABLE address);

/// Return addresses of a *suspended* context, innermost first, found by its frame pointers; returns how many were
/// stored. Frames compiled without a frame pointer are skipped over. Nothing is allocated.
size_t sy_context_backtrace(
    const sy_context *SY_NONNULL context, void *SY_NULLABLE *SY_NONNULL addresses, size_t capacity);

/// The linker's name of the function that holds an address; NULL where it exports none. Valid as long as its image is loaded.
const char *SY_NULLABLE sy_symbol_name(const void *SY_NONNULL address);

// --------------------------------------------------------------------------------------------------- samples

/// Installs the handler that samples need, for SIGURG, which nothing else in a process is likely to use and which is
/// ignored by default. It runs on the carriers' alternate signal stacks and allocates nothing. One thread at a time.
/// Returns 0, an errno, or -1 if somebody else's handler is there.
int sy_sampler_install(void);

/// Puts back what was there. False if another handler has taken the place of this one, which then stays.
bool sy_sampler_remove(void);

/// Whether a handler is this one.
bool sy_sampler_is_handler(const void *SY_NULLABLE address);

/// Claims the one sample that there is; false if another thread has it. Given back by `sy_sample_end`.
bool sy_sample_begin(void);
void sy_sample_end(void);

/// In a forked child, before any sample: the parent's thread had one, perhaps.
void sy_sample_forked(void);

/// Asks what a carrier's thread does. False if the carrier has no thread any more. From any thread.
bool sy_sample_request(sy_carrier *SY_NONNULL carrier);

/// Waits for the sample that was asked for. False if it did not come: a sanitizer puts signals off, or the thread
/// blocks them. Otherwise the functions below tell of it, until the next request.
bool sy_sample_wait(unsigned milliseconds);

/// The carrier's own stack ran, no context.
bool sy_sample_is_root(void);
/// The number of the context that ran.
uint64_t sy_sample_identifier(void);
/// The second user word of the context that ran, a Swift object, retained for the caller; NULL for the carrier's own stack.
void *SY_NULLABLE sy_sample_user(void);
/// The return addresses, innermost first; returns how many. They end with the context's first function.
size_t sy_sample_frames(void *SY_NULLABLE const *SY_NULLABLE *SY_NONNULL frames);

// ---------------------------------------------------------------------------------------------------- stacks

typedef struct sy_stack_statistics {
    /// Stacks in the hands of contexts, abandoned ones included.
    size_t live;
    /// Idle stacks, in the pools of carriers and in slabs.
    size_t idle;
    /// Contexts given up while suspended.
    size_t abandoned;
    /// Stacks with a mapping of their own.
    size_t mappings;
    /// Slabs: mappings that hold many stacks.
    size_t slabs;
    /// Stacks in slabs without a guard, see `sy_stack_guarding`.
    size_t unguarded;
} sy_stack_statistics;

/// Counters of the whole process. From any thread.
sy_stack_statistics sy_stack_get_statistics(void);

/// How stacks beyond the first 16,000 are guarded here.
///
/// A mapping of its own per stack costs two of the kernel's map entries (65,530 by default). Beyond 16,000 stacks new
/// ones come from slabs, whose guards are page-table markers (`MADV_GUARD_INSTALL`, Linux 6.13) and cost no entry.
/// On older kernels single mappings go on to 45 % of the kernel's limit; after that stacks come from slabs *without* a
/// guard: an overflow there is found late, by a canary checked when the context ends, and aborts with the same message.
/// `SWITCHYARD_STACKS` = `mappings`, `slabs` or `unguarded` forces one kind from the first stack on.
typedef enum sy_stack_guarding {
    SY_GUARD_MARKERS = 0,
    SY_GUARD_CANARIES = 1,
} sy_stack_guarding;
sy_stack_guarding sy_stack_get_guarding(void);

/// Usable bytes of a stack asked for with size 0.
size_t sy_stack_default_size(void);

// --------------------------------------------------------------------------------------- the Swift runtime's state

/// What was found out about the Swift runtime's per-thread state.
typedef enum sy_runtime_capabilities {
    /// The current task follows a context.
    SY_RUNTIME_TASK = 1,
    /// The executor records follow a context.
    SY_RUNTIME_TRACKING = 2,
    /// Task-local values bound outside a task follow a context.
    SY_RUNTIME_LOCALS = 4,
    /// Exclusive accesses in progress follow a context.
    SY_RUNTIME_ACCESSES = 8,
    /// Exclusive accesses follow a context through exported functions of the runtime instead of the word itself.
    SY_RUNTIME_ACCESSES_BY_CALL = 16,
    /// The process holds a Swift concurrency runtime at all.
    SY_RUNTIME_PRESENT = 32,
} sy_runtime_capabilities;

/// The capabilities, as a bit set; runs the self-test if that has not happened. From any thread.
///
/// Without `SY_RUNTIME_TASK` and `SY_RUNTIME_TRACKING` contexts of different jobs must never interleave, and without
/// `SY_RUNTIME_LOCALS` a `withValue` must not be left open across a switch outside a task.
/// `SWITCHYARD_RUNTIME_STATE` = `fallback` acts as if no word had been found, `off` moves nothing at all (for tests).
uint32_t sy_runtime_get_capabilities(void);

/// One paragraph for a bug report: which words were found where. Static storage.
const char *SY_NONNULL sy_runtime_description(void);

/// `swift_task_getCurrent`, out of line so that no optimiser caches it across a switch. NULL outside a task.
void *SY_NULLABLE sy_runtime_current_task(void);

/// The calling thread's words as they are now, for `sy_context_set_host`; zero where a word was not found. The thread
/// must be attached.
sy_runtime_words sy_runtime_current_words(void);

/// Checks, inside a job that runs synchronously on the calling thread, that the located words hold what a job must
/// have: the current task and an executor record. The self-test needs no job and has already proved each word by
/// itself; this proves the set against the real thing, once per process, from the embedder's own start-up. Attaches
/// the thread for the time of the call. Returns false, and withdraws the task capabilities, if they do not.
bool sy_runtime_verify_in_job(void);

/// The state that has to follow a hub that was entered from a job: sets the calling thread's task and executor words to
/// zero and returns the words as they were, to be put back with `sy_runtime_restore_words` on the same stack frame.
sy_runtime_words sy_runtime_clear_task(void);
void sy_runtime_restore_words(sy_runtime_words words);

/// Whether `sy_runtime_locals_head` can be trusted here: tried out once, on a private thread. From any thread.
bool sy_runtime_reads_locals(void);

/// The innermost task-local binding in force on the calling thread, 0 if there is none: in a task the task's, otherwise the
/// thread's. Good for comparing with later answers. Costs a binding that is made and ended; from any thread.
uintptr_t sy_runtime_locals_head(void);

// --------------------------------------------------------------------------------------------------- the engines

/// How contexts run.
typedef enum sy_engine {
    /// Each has a stack; a switch swaps registers.
    SY_ENGINE_ASSEMBLY = 0,
    /// Each is an OS thread; a switch hands a baton over. For debuggers and other tools that do not know about
    /// switched stacks, and for processors without a register swap. Chosen by `SWITCHYARD_ENGINE=threads`.
    SY_ENGINE_THREADS = 1,
} sy_engine;

/// The engine of this process, decided at the first call and final. From any thread.
sy_engine sy_engine_get(void);

/// Makes the threads of the thread-backed engine share their carrier's thread-local block.
///
/// `get` is called on a carrier's own thread when it attaches; `set` is called with that value on each thread that
/// backs one of the carrier's contexts, before its body runs. Set it once, before the first carrier attaches. With the
/// other engine neither is ever called.
void sy_set_thread_adopt_hook(
    void *SY_NULLABLE (*SY_NULLABLE get)(void), void (*SY_NULLABLE set)(void *SY_NULLABLE block));

#if defined(__cplusplus)
}
#endif

#endif
