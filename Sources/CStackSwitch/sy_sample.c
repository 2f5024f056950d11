// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Samples: what a carrier's thread does at this moment, asked for by another thread through a signal.
#include "sy_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unwind.h>

#if defined(__linux__)
#define SY_WEAK __attribute__((weak))
#else
#define SY_WEAK __attribute__((weak_import))
#endif

enum { SY_SAMPLE_FRAMES = 128 };

extern void *swift_retain(void *object) SY_WEAK;

// Idle, filling, done; anything else is the carrier that a sample was asked of.
enum { IDLE, FILLING, DONE };
static _Atomic uintptr_t state;
static _Atomic bool is_busy;

// Written by the handler alone, between `FILLING` and `DONE`, so that it allocates nothing.
static struct {
    bool is_root;
    uint64_t identifier;
    void *user;
    size_t count;
    void *frames[SY_SAMPLE_FRAMES];
} sample;

static struct sigaction previous;
static pthread_mutex_t runner_lock = PTHREAD_MUTEX_INITIALIZER;

SY_UNINSTRUMENTED
static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *unused) {
    (void)unused;
    int is_interrupted = 0;
    uintptr_t address = _Unwind_GetIPInfo(context, &is_interrupted);
    if (address == 0) { return _URC_END_OF_STACK; }
    // What came before the interrupted frame is this handler.
    if (is_interrupted) { sample.count = 0; }
    if (sample.count == SY_SAMPLE_FRAMES) { return _URC_END_OF_STACK; }
    // Elsewhere the address is the one behind the call; readers go back by one.
    sample.frames[sample.count++] = (void *)(is_interrupted ? address + 1 : address);
    return _URC_NO_REASON;
}

SY_UNINSTRUMENTED
static void handle(int number) {
    (void)number;
    int error = errno;
    sy_carrier *carrier = sy_carrier_current();
    uintptr_t expected = (uintptr_t)carrier;
    if (carrier != NULL && atomic_compare_exchange_strong(&state, &expected, FILLING)) {
        const sy_context *running = carrier->running;
        sample.is_root = running == &carrier->root;
        sample.identifier = running->identifier;
        // Alive: it is the object that the running stack works for.
        void *user = sample.is_root ? NULL : running->user_[1];
        sample.user = user != NULL && swift_retain != NULL ? swift_retain(user) : NULL;
        sample.count = 0;
        _Unwind_Backtrace(add_frame, NULL);
        atomic_store_explicit(&state, DONE, memory_order_release);
    }
    errno = error;
}

int sy_sampler_install(void) {
    // What the unwinder does for the first time takes locks and memory.
    _Unwind_Backtrace(add_frame, NULL);
    struct sigaction current;
    if (sigaction(SIGURG, NULL, &current) != 0) { return errno; }
    if (current.sa_handler != SIG_DFL && current.sa_handler != SIG_IGN) { return -1; }
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = handle;
    ours.sa_flags = SA_ONSTACK | SA_RESTART;
    sigemptyset(&ours.sa_mask);
    return sigaction(SIGURG, &ours, &previous) == 0 ? 0 : errno;
}

bool sy_sampler_remove(void) {
    struct sigaction current;
    if (sigaction(SIGURG, NULL, &current) != 0 || current.sa_handler != handle) { return false; }
    return sigaction(SIGURG, &previous, NULL) == 0;
}

bool sy_sampler_is_handler(const void *address) { return address == (const void *)handle; }

void sy_sample_unblock(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void sy_sample_set_runner(sy_carrier *carrier) {
    pthread_mutex_lock(&runner_lock);
    carrier->runner = pthread_self();
    pthread_mutex_unlock(&runner_lock);
}

bool sy_sample_begin(void) { return !atomic_exchange(&is_busy, true); }

void sy_sample_end(void) { atomic_store(&is_busy, false); }

void sy_sample_forked(void) {
    atomic_store(&state, IDLE);
    atomic_store(&is_busy, false);
}

bool sy_sample_request(sy_carrier *carrier) {
    atomic_store(&state, (uintptr_t)carrier);
    if (sy_carrier_signal(carrier, SIGURG)) { return true; }
    atomic_store(&state, IDLE);
    return false;
}

bool sy_carrier_kill_runner(sy_carrier *carrier, int number) {
    pthread_mutex_lock(&runner_lock);
    int error = pthread_kill(carrier->runner, number);
    pthread_mutex_unlock(&runner_lock);
    return error == 0;
}

bool sy_sample_wait(unsigned milliseconds) {
    struct timespec moment = {0, 200 * 1000};
    for (unsigned left = milliseconds * 5; atomic_load_explicit(&state, memory_order_acquire) != DONE; left--) {
        if (left == 0) {
            uintptr_t now = atomic_load(&state);
            // Whoever is late finds nobody asking.
            if (now != FILLING && now != DONE && atomic_compare_exchange_strong(&state, &now, IDLE)) { return false; }
            left = 1;
        }
        nanosleep(&moment, NULL);
    }
    atomic_store(&state, IDLE);
    return true;
}

bool sy_sample_is_root(void) { return sample.is_root; }

uint64_t sy_sample_identifier(void) { return sample.identifier; }

void *sy_sample_user(void) { return sample.user; }

size_t sy_sample_frames(void *const **frames) {
    *frames = sample.frames;
    return sample.count;
}
