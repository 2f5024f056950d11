// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the process's own threads work on. Its locks are held during a fork, so that no thread that the child does not
/// have holds one there for ever.
package protocol ForkGuarded: AnyObject, Sendable {
    /// Takes the locks. A thread that holds one of them waits for none of another object's.
    func lockForFork()

    /// Gives them back. In the child the state is made one that no thread serves yet; the caller may be one that did.
    func unlockAfterFork(inChild: Bool)
}

/// Who is locked during forks, in the order of registration.
package enum ForkGuard {
    private struct Entry {
        // Whoever registers lives for ever, or leaves in its `deinit`.
        unowned(unsafe) let object: any ForkGuarded
    }

    private static let entries = Lock<[Entry]>([])

    private static let registered: Void = {
        _ = pthread_atfork(
            { entries.lockForFork { for entry in $0 { unsafe entry.object.lockForFork() } } },
            { endFork(inChild: false) },
            { endFork(inChild: true) }
        )
    }()

    private static func endFork(inChild: Bool) {
        entries.unlockAfterFork { for entry in $0.reversed() { unsafe entry.object.unlockAfterFork(inChild: inChild) } }
    }

    package static func add(_ object: any ForkGuarded) {
        let entry = Entry(object: object)
        entries.withLock { $0.append(entry) }
        _ = registered
    }

    package static func remove(_ object: any ForkGuarded) {
        entries.withLock { entries in
            if let index = entries.firstIndex(where: { unsafe $0.object === object }) { entries.remove(at: index) }
        }
    }

    /// Keeps what is the parent's for ever: to destroy it is to run code that knows nothing of a fork.
    package static func leave<Value>(_ value: consuming Value) {
        // SAFETY: never freed, on purpose.
        let memory = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        unsafe memory.initialize(to: value)
    }
}

/// A lock of the whole process that a forked child can go on with.
package final class ProcessLock<State>: ForkGuarded {
    private let lock: Lock<State>

    package init(_ initial: sending State) {
        lock = Lock(initial)
        ForkGuard.add(self)
    }

    deinit { ForkGuard.remove(self) }

    package func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R { try lock.withLock(body) }

    package func lockForFork() { lock.lockForFork() }
    package func unlockAfterFork(inChild: Bool) { lock.unlockAfterFork() }
}
