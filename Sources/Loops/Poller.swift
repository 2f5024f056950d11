// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Futures

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One libevent base, its wake-up descriptor and its alarm. Used on the loop's thread only.
///
/// Callbacks of libevent never run user code: they note what is ready, and the loop delivers after libevent has returned.
/// So no Swift error and no switch of stacks can cross a C frame, and events may be freed in their own handlers (E10).
@safe
final class Poller {
    /// How long a poll may wait.
    enum Patience {
        case none
        case until(LoopInstant)
        case forever
    }

    @safe let base: OpaquePointer
    /// What the last poll found.
    @safe @exclusivity(unchecked) var ready: [Watcher] = []
    /// Makes a sleeping poll return, from any thread.
    private(set) var waker: Waker
    private var alarm: Alarm
    @safe private var wakeEvent: OpaquePointer?
    /// How many events libevent counts for the two of our own.
    private var ownEvents: Int32 = 0

    init() throws {
        _ = Libevent.setUp
        let base = unsafe try Self.makeBase()
        let isEdgeTriggered = UInt32(unsafe event_base_get_features(base)) & EV_FEATURE_ET.rawValue != 0
        do {
            waker = try Waker(edgeTriggered: isEdgeTriggered)
            alarm = try unsafe Alarm(base: base, edgeTriggered: isEdgeTriggered)
        } catch {
            unsafe event_base_free(base)
            throw error
        }
        unsafe self.base = base
        addWakeEvent()
        ownEvents = events
    }

    private static func makeBase() throws -> OpaquePointer {
        guard let configuration = unsafe event_config_new() else {
            throw LoopUnavailable(operation: "making a configuration", code: ENOMEM)
        }
        defer { unsafe event_config_free(configuration) }
        // On epoll a precise timer of libevent costs a system call in each poll; `Alarm` has its own there. Nobody but the
        // loop's thread uses the base, so it needs no lock; others wake it through `waker`.
        let flags =
            EVENT_BASE_FLAG_NO_CACHE_TIME.rawValue | EVENT_BASE_FLAG_NOLOCK.rawValue | Alarm.baseFlags
        unsafe event_config_set_flag(configuration, Int32(flags))
        guard let base = unsafe event_base_new_with_config(configuration) else {
            throw LoopUnavailable(operation: "making an event base", code: errno)
        }
        return unsafe base
    }

    deinit {
        unsafe event_free(wakeEvent)
        alarm.close()
        unsafe event_base_free(base)
    }

    private func addWakeEvent() {
        let edge = waker.isEdgeTriggered ? EV_ET : 0
        // SAFETY: the event is freed before `self` goes.
        let reference = unsafe Unmanaged.passUnretained(self).toOpaque()
        wakeEvent = unsafe event_new(
            base,
            waker.readEnd,
            Int16(EV_READ | EV_PERSIST | edge),
            { _, _, poller in
                // SAFETY: the poller that made the event, on its thread.
                unsafe Unmanaged<Poller>.fromOpaque(poller!).takeUnretainedValue().waker.drain()
            },
            reference
        )
        unsafe event_add(wakeEvent, nil)
    }

    /// Whether anything besides a wake-up and the alarm can happen in a poll.
    var isWatching: Bool { events != ownEvents }

    private var events: Int32 {
        unsafe event_base_get_num_events(base, UInt32(EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE))
    }

    /// The kernel interface in use, such as `epoll`.
    var method: String { unsafe String(cString: event_base_get_method(base)) }

    /// Asks the kernel once; what is ready stands in `ready` afterwards.
    func poll(_ patience: Patience) {
        // Without ONCE libevent would poll again and again as long as something is ready.
        var flags = EVLOOP_NO_EXIT_ON_EMPTY | EVLOOP_ONCE
        switch patience {
        case .none: flags |= EVLOOP_NONBLOCK
        case .until(let deadline): if !alarm.set(deadline) { flags |= EVLOOP_NONBLOCK }
        case .forever: break
        }
        if unsafe event_base_loop(base, flags) < 0 { StandardError.write("switchyard: libevent could not poll\n") }
    }

    /// Gives the child process kernel objects of its own.
    func reinitializeAfterFork() throws {
        guard unsafe event_reinit(base) == 0 else { throw LoopUnavailable(operation: "event_reinit", code: errno) }
        let fresh = try Waker(edgeTriggered: waker.isEdgeTriggered)
        let freshAlarm = try unsafe Alarm(base: base, edgeTriggered: waker.isEdgeTriggered)
        unsafe event_free(wakeEvent)
        alarm.close()
        (waker, alarm) = (fresh, freshAlarm)
        addWakeEvent()
        ready = []
    }
}
