// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What to watch a descriptor for.
public enum IODirection: Sendable, Hashable, CustomStringConvertible {
    /// Reading would not block: there is data, the end of the stream, an error, or a connection to accept.
    case read
    /// Writing would not block: there is room, an error, or a connection has been made.
    case write

    /// `reading` or `writing`.
    public var description: String { self == .read ? "reading" : "writing" }
}

/// One event of libevent and what it calls. libevent holds it by an unmanaged reference from `install` to `uninstall`.
@safe
final class Watcher: @unchecked Sendable {  // SAFETY: see the next lines.
    // `live` is atomic; the rest that changes is touched on the loop's thread only, or when the loop is gone.
    let descriptor: Int32
    let direction: IODirection
    let isPersistent: Bool
    let sequence: UInt64
    @safe @exclusivity(unchecked) private(set) var onReady: (@Sendable () throws -> Void)?
    @safe @exclusivity(unchecked) private var onFailure: (@Sendable (any Error) -> Void)?
    private let live = Atomic<Bool>(true)
    @safe private var event: OpaquePointer?
    private unowned var poller: Poller?

    init(
        _ descriptor: Int32,
        _ direction: IODirection,
        persistent: Bool,
        sequence: UInt64,
        onReady: @escaping @Sendable () throws -> Void,
        onFailure: @escaping @Sendable (any Error) -> Void
    ) {
        self.descriptor = descriptor
        self.direction = direction
        self.isPersistent = persistent
        self.sequence = sequence
        self.onReady = onReady
        self.onFailure = onFailure
    }

    var isLive: Bool { live.load(ordering: .acquiring) }

    /// Ends the watcher's right to call; true for the one who ended it.
    func end() -> Bool { live.exchange(false, ordering: .acquiringAndReleasing) }

    /// Adds the event. On the loop's thread. Returns an error number or 0.
    func install(in poller: Poller) -> Int32 {
        let what = (direction == .read ? EV_READ : EV_WRITE) | (isPersistent ? EV_PERSIST : 0)
        // SAFETY: released by `uninstall`, which runs before the base is freed.
        let reference = unsafe Unmanaged.passRetained(self)
        let event = unsafe event_new(
            poller.base,
            descriptor,
            Int16(what),
            { _, _, watcher in
                // SAFETY: the reference retained above.
                let watcher = unsafe Unmanaged<Watcher>.fromOpaque(watcher!).takeUnretainedValue()
                watcher.poller?.ready.append(watcher)
            },
            reference.toOpaque()
        )
        self.poller = poller
        unsafe self.event = event
        if unsafe event != nil, unsafe event_add(event, nil) == 0 { return 0 }
        let code = errno
        if unsafe event == nil { unsafe reference.release() } else { uninstall() }
        return code == 0 ? EINVAL : code
    }

    /// Ends the watcher with an error. On the loop's thread.
    func fail(_ error: any Error) {
        let onFailure = onFailure
        dropHandlers()
        if end() { onFailure?(error) }
    }

    /// Lets go of what the handlers hold: they may hold the handle they are removed with. On the loop's thread.
    func dropHandlers() { (onReady, onFailure) = (nil, nil) }

    /// Takes the event out of the poll set and frees it. On the loop's thread, never inside libevent.
    func uninstall() {
        guard let event = event else { return }
        self.event = nil
        unsafe event_free(event)
        poller = nil
        // SAFETY: the reference that `install` retained; the caller holds another one.
        unsafe Unmanaged.passUnretained(self).release()
    }
}
