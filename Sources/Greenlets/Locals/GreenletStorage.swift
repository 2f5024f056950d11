// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import Futures
import Synchronization

/// What a greenlet, a fiber or a thread has of its own: made at the first use.
// SAFETY: touched by its owner's thread only; others have the owner act.
final class GreenletStorage: @unchecked Sendable {
    private var slots: [UInt64: LocalSlot] = [:]
    private var isOver = false
    var context: GreenletContext?
    /// What C code was told of by a number only.
    var failure: (any Error)?
    /// Where values are asked back; of a thread's storage.
    let mail: LocalMail?

    init(mail: LocalMail? = nil) { self.mail = mail }

    func slot(of local: UInt64) -> LocalSlot? { slots[local] }

    /// False when the owner is about to end.
    func insert(_ slot: LocalSlot, for local: UInt64, at home: LocalHome) -> Bool {
        if isOver { return false }
        slots[local] = slot
        slot.registry.add(self, at: home)
        return true
    }

    /// The value is released when the result is, with no access open.
    func remove(_ local: UInt64) -> LocalSlot? {
        let slot = slots.removeValue(forKey: local)
        slot?.registry.remove(self)
        return slot
    }

    /// The owner ends, and its values with it; its context may still be asked for.
    func end() {
        isOver = true
        failure = nil
        let ended = slots
        slots = [:]
        for slot in ended.values { slot.registry.remove(self) }
    }

    // MARK: Of threads

    static func ofThread(making: Bool) -> GreenletStorage? {
        // SAFETY: the thread's words own it until the thread ends, or until it is taken from them.
        if let storage = unsafe sy_thread_current().pointee.storage {
            return unsafe Unmanaged<GreenletStorage>.fromOpaque(storage).takeUnretainedValue()
        }
        guard making else { return nil }
        let storage = GreenletStorage(mail: LocalMail())
        // SAFETY: given up by the words when the thread ends, or by `takeFromThread`.
        unsafe sy_thread_keep_storage(Unmanaged.passRetained(storage).toOpaque()) { storage in
            // SAFETY: retained above.
            unsafe Unmanaged<GreenletStorage>.fromOpaque(storage).takeRetainedValue().end()
        }
        return storage
    }

    /// From now on the thread's main fiber has it.
    static func takeFromThread() -> GreenletStorage? {
        guard let storage = unsafe sy_thread_current().pointee.storage else { return nil }
        unsafe sy_thread_current().pointee.storage = nil
        // SAFETY: retained by `ofThread`.
        return unsafe Unmanaged<GreenletStorage>.fromOpaque(storage).takeRetainedValue()
    }
}

/// A place in a storage.
class LocalSlot {
    let registry: LocalRegistry

    init(_ registry: LocalRegistry) { self.registry = registry }
}

/// The storages in which a local has values. The slots keep it, so that it outlives the local.
final class LocalRegistry: Sendable {
    /// nil when the local has ended.
    private let holders = Lock<[ObjectIdentifier: (storage: GreenletStorage, home: LocalHome)]?>([:])

    func add(_ storage: GreenletStorage, at home: LocalHome) {
        holders.withLock { $0?[ObjectIdentifier(storage)] = (storage, home) }
    }

    func remove(_ storage: GreenletStorage) {
        _ = holders.withLock { $0?.removeValue(forKey: ObjectIdentifier(storage)) }
    }

    /// The local has ended: has the owner of each value release it.
    func close(_ local: UInt64) {
        let holders = holders.withLock { holders in
            defer { holders = nil }
            return holders
        }
        for holder in (holders ?? [:]).values { holder.home.release(local, of: holder.storage) }
    }
}

/// The way to the thread that a value belongs to.
@safe
// SAFETY: the memory of a scheduler is never given back.
enum LocalHome: @unchecked Sendable {
    case hub(UnsafeMutablePointer<Scheduler>)
    case thread(LocalMail)
    case nowhere

    fileprivate func release(_ local: UInt64, of storage: GreenletStorage) {
        switch self {
        case .hub(let scheduler): unsafe scheduler.pointee.act { _ = storage.remove(local) }
        case .thread(let mail): mail.ask(storage, for: local)
        case .nowhere: break
        }
    }
}

/// Values that a thread is asked to release. Nothing can make it do so at once: it looks when it uses a local.
final class LocalMail: Sendable {
    private let thread = unsafe UInt(bitPattern: sy_thread_current())
    private let letters = Lock<[(storage: GreenletStorage, local: UInt64)]>([])
    private let hasLetters = Atomic(false)

    fileprivate func ask(_ storage: GreenletStorage, for local: UInt64) {
        if unsafe UInt(bitPattern: sy_thread_current()) == thread {
            _ = storage.remove(local)
        } else {
            letters.withLock { $0.append((storage, local)) }
            hasLetters.store(true, ordering: .relaxed)
        }
    }

    /// On the thread.
    @inline(__always)
    func open() { if hasLetters.load(ordering: .relaxed) { answer() } }

    @inline(never)
    private func answer() {
        hasLetters.store(false, ordering: .relaxed)
        let all = letters.withLock { letters in
            defer { letters = [] }
            return letters
        }
        for letter in all { _ = letter.storage.remove(letter.local) }
    }
}
