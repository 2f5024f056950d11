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

/// The one timer of a base: it ends a sleep at the deadline of the loop's first timer.
///
/// On Linux a timerfd at an absolute instant: exact to microseconds, and set only when the deadline changes. (libevent's
/// precise timers set one in every poll, which more than doubles the cost of a poll; its others are a millisecond late.)
/// Elsewhere a timer of libevent's.
@safe
struct Alarm {
    @safe private let event: OpaquePointer
    private var current: LoopInstant?

    #if os(Linux) || os(Android)
    static let baseFlags: UInt32 = 0
    private let descriptor: Int32

    init(base: OpaquePointer, edgeTriggered: Bool) throws {
        let descriptor = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK | TFD_CLOEXEC))
        guard descriptor >= 0 else { throw LoopUnavailable(operation: "making a timerfd", code: errno) }
        let what = Int16(EV_READ | EV_PERSIST | (edgeTriggered ? EV_ET : 0))
        let event = unsafe event_new(
            base,
            descriptor,
            what,
            { descriptor, what, _ in
                // With edges each expiry counts anew; without them the descriptor stays readable until it is read.
                if what & Int16(EV_ET) != 0 { return }
                var expiries: UInt64 = 0
                _ = unsafe read(descriptor, &expiries, 8)
            },
            nil
        )
        guard let event = unsafe event, unsafe event_add(event, nil) == 0 else {
            _ = Glibc.close(descriptor)
            throw LoopUnavailable(operation: "adding a timer", code: errno)
        }
        self.descriptor = descriptor
        unsafe self.event = event
    }

    /// False if the deadline has passed, so that there is nothing to sleep for.
    mutating func set(_ deadline: LoopInstant) -> Bool {
        let now = LoopInstant.now
        guard deadline > now else { return false }
        if current == deadline { return true }
        current = deadline
        var time = itimerspec()
        time.it_value.tv_sec = Int(deadline.nanoseconds / 1_000_000_000)
        time.it_value.tv_nsec = Int(deadline.nanoseconds % 1_000_000_000)
        return unsafe timerfd_settime(descriptor, Int32(TFD_TIMER_ABSTIME), &time, nil) == 0
    }

    func close() {
        unsafe event_free(event)
        #if canImport(Musl)
        _ = Musl.close(descriptor)
        #else
        _ = Glibc.close(descriptor)
        #endif
    }
    #else
    static let baseFlags = EVENT_BASE_FLAG_PRECISE_TIMER.rawValue

    init(base: OpaquePointer, edgeTriggered: Bool) throws {
        guard let event = unsafe event_new(base, -1, 0, { _, _, _ in }, nil) else {
            throw LoopUnavailable(operation: "adding a timer", code: errno)
        }
        unsafe self.event = event
    }

    /// False if the deadline has passed, so that there is nothing to sleep for.
    mutating func set(_ deadline: LoopInstant) -> Bool {
        let left = LoopInstant.now.duration(to: deadline)._nanoseconds
        guard left > 0 else { return false }
        if current == deadline, unsafe event_pending(event, Int16(EV_TIMEOUT), nil) != 0 { return true }
        current = deadline
        // Rounded up, so that the wake-up is not too early; and within what libevent's arithmetic bears.
        let microseconds = min((left + 999) / 1000, 86_400_000_000)
        var time = timeval(
            tv_sec: .init(microseconds / 1_000_000),
            tv_usec: .init(microseconds % 1_000_000)
        )
        return unsafe event_add(event, &time) == 0
    }

    func close() { unsafe event_free(event) }
    #endif
}
