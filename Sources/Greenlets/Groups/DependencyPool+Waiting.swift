// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

extension DependencyPool {
    // MARK: Looking

    /// The keys that were spawned or posted.
    public var keys: Set<Key> { state.withLock { Set($0.entries.filter { $0.value.isKnown }.keys) } }

    /// The keys whose tasks have not ended.
    public var runningKeys: Set<Key> { state.withLock { Set($0.entries.filter { $0.value.task != nil }.keys) } }

    /// What the key's task needs and has not come yet.
    public func missing(for key: Key) -> Set<Key> {
        state.withLock { state in
            (state.entries[key]?.dependencies ?? []).filter { !(state.entries[$0]?.value.isCompleted ?? false) }
        }
    }

    // MARK: Waiting

    /// The value of a key, now or later; in every style.
    ///
    /// - Cancellation: Leaves the task running.
    /// - Errors: ``DependencyError`` for an unknown key; ``DependencyFailed`` is the outcome if the value does not come.
    public func value(of key: Key) throws -> Future<Value> {
        try state.withLock { state in
            guard let entry = state.entries[key], entry.isKnown else { throw DependencyError(.unknownKey, ["\(key)"]) }
            return entry.value
        }.shielded
    }

    /// Waits for the value of a key.
    ///
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Errors: As ``value(of:)``; `TimedOut`; a kill of the caller; ``GreenletMisuse`` in the task whose value it is.
    @available(*, noasync, message: "use `try await pool.value(of:).value`")
    public func wait(for key: Key, timeout: Duration? = nil) throws -> Value {
        let task = state.withLock { $0.entries[key]?.task }
        if let task, task === Greenlet.current { throw waitsForItself(task) }
        do { return try value(of: key).wait(timeout: timeout) } catch let late as TimedOut {
            throw TimedOut(after: late.limit, waitingFor: "the value of \(key) in \(group.name)")
        }
    }

    /// The values of some keys, or of all that are known now, as they come.
    ///
    /// - Errors: ``DependencyError`` for an unknown key.
    public func values(of keys: some Sequence<Key>) throws -> DependencyResults<Key, Value> {
        let futures = try state.withLock { state in
            try keys.reduce(into: [Key: Future<Value>]()) { futures, key in
                guard let entry = state.entries[key], entry.isKnown else {
                    throw DependencyError(.unknownKey, ["\(key)"])
                }
                futures[key] = entry.value
            }
        }
        return DependencyResults(futures)
    }

    /// Waits for all values, also of tasks that are added meanwhile.
    ///
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Errors: ``DependencyFailed``, the first in time, as soon as it comes: the others go on. `TimedOut`, naming what is
    ///   missing; a kill of the caller; ``GreenletMisuse`` in a task of the pool.
    @available(*, noasync, message: "use `for try await` on `values(of: pool.keys)`")
    public func waitAll(timeout: Duration? = nil) throws -> [Key: Value] {
        if let current = Greenlet.current, group.contains(current) { throw waitsForItself(current) }
        let deadline = timeout.map { LoopInstant.ofWaiter.advanced(by: $0) }
        var all: [Key: Value] = [:]
        while true {
            let newcomers = keys.subtracting(all.keys)
            if newcomers.isEmpty { return all }
            let values = try values(of: newcomers)
            do {
                while let next = try values.waitNext(timeout: deadline.map { LoopInstant.ofWaiter.duration(to: $0) }) {
                    all[next.key] = next.value
                }
            } catch is TimedOut {
                let missing = keys.subtracting(all.keys).map { "\($0)" }.sorted()
                let names = missing.prefix(3).joined(separator: ", ") + (missing.count > 3 ? ", …" : "")
                throw TimedOut(
                    after: timeout ?? .zero,
                    waitingFor: "\(missing.count) values (\(names)) in \(group.name)"
                )
            }
        }
    }

    /// Waits until no task is left, however they have ended.
    ///
    /// - Executor: A greenlet parks, a plain thread blocks.
    /// - Errors: `TimedOut`; a kill of the caller; ``GreenletMisuse`` in a task of the pool.
    @available(*, noasync, message: "use `for try await` on `values(of: pool.keys)`")
    public func join(timeout: Duration? = nil) throws { try group.join(timeout: timeout) }

    /// Kills all tasks.
    public func kill() { for key in runningKeys { try? kill(key) } }

    private func waitsForItself(_ task: AnyGreenlet) -> GreenletMisuse {
        GreenletMisuse(
            "\(task.displayName), a task of \(group.name), would wait for itself. Name what it needs in spawn(_:after:), or wait outside"
                + " of the pool's tasks."
        )
    }
}
