// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "CSignals.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/eventfd.h>
#include <sys/syscall.h>
#endif

#if defined(SIGRTMAX)
enum { limit = 65 };
#else
enum { limit = NSIG };
#endif

// What the handler touches is lock-free, or written before the handler is installed.
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "signal handlers need lock-free atomics");
static _Atomic unsigned long long counts[limit];
static struct sigaction previous[limit];
static _Atomic bool held[limit];
static _Atomic int write_end = -1;
static _Atomic int read_end = -1;
static _Atomic bool woken;
static _Atomic int owner;

static _Atomic uint32_t generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;

void sy_signal_add(int number, uint64_t count) {
    atomic_fetch_add(&counts[number], count);
    if (atomic_exchange(&woken, true)) return;
    uint64_t one = 1;
    ssize_t written = write(atomic_load(&write_end), &one, sizeof one);
    (void)written;
}

/// Counts, then wakes. Reads what a thread wrote before the handler was installed, and atomics.
static void note(int number) {
    int error = errno;
    // Between fork and what is registered for it, or in a child of vfork, whose memory is its parent's.
    bool is_elsewhere = getpid() != atomic_load_explicit(&owner, memory_order_relaxed);
    // Somebody had saved this handler, and has put it back after it had been given up.
    bool is_left_over = !atomic_load(&held[number]);
    if (is_elsewhere || is_left_over) {
        // Nobody is to count this. What had been installed before decides, when this handler has returned.
        sigaction(number, &previous[number], NULL);
        kill(getpid(), number);
    } else {
        sy_signal_add(number, 1);
    }
    errno = error;
}

/// The child begins as if there had never been a registry: its signals do what they did before.
static void forget_after_fork(void) {
    for (int number = 1; number < limit; number++) {
        if (atomic_exchange(&held[number], false)) sigaction(number, &previous[number], NULL);
        atomic_store(&counts[number], 0);
    }
    atomic_fetch_add(&generation, 1);
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, forget_after_fork); }

uint32_t sy_signals_generation(void) { return atomic_load_explicit(&generation, memory_order_relaxed); }

int sy_signals_open(void) {
    pthread_once(&once, watch_forks);
    int ends[2];
#if defined(__linux__)
    ends[0] = ends[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (ends[0] < 0) return -errno;
#else
    if (pipe(ends) != 0) return -errno;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
#endif
    // In a forked child these are still the parent's.
    int old_read = atomic_exchange(&read_end, ends[0]), old_write = atomic_exchange(&write_end, ends[1]);
    if (old_read >= 0) close(old_read);
    if (old_write >= 0 && old_write != old_read) close(old_write);
    atomic_store(&woken, false);
    atomic_store(&owner, getpid());
    return ends[0];
}

void sy_signals_rearm(void) {
    char bytes[64];
    int end = atomic_load(&read_end);
    while (read(end, bytes, sizeof bytes) == sizeof bytes) {
    }
    atomic_store(&woken, false);
}

static const void *handler_of(const struct sigaction *action) {
    return action->sa_flags & SA_SIGINFO ? (const void *)action->sa_sigaction : (const void *)action->sa_handler;
}

static bool is_foreign(const struct sigaction *action) {
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN && action->sa_handler != note;
}

sy_signal_claim sy_signal_check(int number) {
    struct sigaction current;
    if (sigaction(number, NULL, &current) != 0) return (sy_signal_claim){errno, NULL};
    if (current.sa_handler == note) return (sy_signal_claim){0, NULL};
    return (sy_signal_claim){-1, handler_of(&current)};
}

sy_signal_claim sy_signal_install(int number) {
    struct sigaction current;
    if (sigaction(number, NULL, &current) != 0) return (sy_signal_claim){errno, NULL};
    if (is_foreign(&current)) return (sy_signal_claim){-1, handler_of(&current)};
    if (current.sa_handler != note) previous[number] = current;
    atomic_store(&counts[number], 0);
    atomic_store(&held[number], true);
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = note;
    // A greenlet has a small stack, and its thread another one for this.
    ours.sa_flags = SA_RESTART | SA_ONSTACK;
    sigfillset(&ours.sa_mask);
    if (sigaction(number, &ours, &current) != 0) {
        int error = errno;
        atomic_store(&held[number], false);
        return (sy_signal_claim){error, NULL};
    }
    if (is_foreign(&current)) {
        // Somebody came between the two calls.
        sigaction(number, &current, NULL);
        atomic_store(&held[number], false);
        return (sy_signal_claim){-1, handler_of(&current)};
    }
    return (sy_signal_claim){0, NULL};
}

bool sy_signal_restore(int number) {
    if (!atomic_exchange(&held[number], false)) return true;
    if (sy_signal_check(number).error != 0) return false;
    return sigaction(number, &previous[number], NULL) == 0;
}

uint64_t sy_signal_take(int number) { return atomic_exchange(&counts[number], 0); }

void sy_signal_unblock(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int sy_signal_raise(int number) { return kill(getpid(), number); }

int sy_signal_last(void) {
#if defined(SIGRTMAX)
    return SIGRTMAX;
#else
    return NSIG - 1;
#endif
}

void sy_code_owner(const void *address, const char **file, const char **name) {
    Dl_info info;
    memset(&info, 0, sizeof info);
    if (dladdr(address, &info) == 0) return;
    *file = info.dli_fname;
    *name = info.dli_sname;
}

#if defined(__linux__)
// Older headers have neither, and both are the same on all of Swift's platforms.
#if !defined(SYS_pidfd_open)
#define SYS_pidfd_open 434
#endif
enum { by_descriptor = 3 };

int sy_child_open(int process) {
    int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
    if (descriptor < 0) return -errno;
    // Linux 5.3 opens what only 5.4 waits for.
    siginfo_t info;
    if (waitid((idtype_t)by_descriptor, (id_t)descriptor, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != EINVAL)
        return descriptor;
    close(descriptor);
    return -ENOSYS;
}

static sy_child_state reap_by_descriptor(int descriptor) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    if (waitid((idtype_t)by_descriptor, (id_t)descriptor, &info, WEXITED | WNOHANG) != 0)
        return (sy_child_state){-1, errno, false};
    if (info.si_pid == 0) return (sy_child_state){0, 0, false};
    if (info.si_code == CLD_EXITED) return (sy_child_state){1, info.si_status, false};
    return (sy_child_state){2, info.si_status, info.si_code == CLD_DUMPED};
}
#else
int sy_child_open(int process) {
    (void)process;
    return -ENOSYS;
}

static sy_child_state reap_by_descriptor(int descriptor) {
    (void)descriptor;
    return (sy_child_state){-1, ENOSYS, false};
}
#endif

void sy_child_close(int descriptor) { close(descriptor); }

sy_child_state sy_child_reap(int process, int descriptor) {
    if (descriptor >= 0) return reap_by_descriptor(descriptor);
    int status = 0;
    pid_t found = waitpid(process, &status, WNOHANG);
    if (found == 0) return (sy_child_state){0, 0, false};
    if (found < 0) return (sy_child_state){-1, errno, false};
    if (WIFSIGNALED(status)) return (sy_child_state){2, WTERMSIG(status), WCOREDUMP(status) != 0};
    return (sy_child_state){1, WEXITSTATUS(status), false};
}
