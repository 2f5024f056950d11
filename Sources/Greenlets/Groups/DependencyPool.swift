// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// Tasks by key, each of which is given the values of others as they come (eventlet: DAGPool).
///
///     let build = DependencyPool<String, Artifact>()
///     try build.spawn("link", after: ["main.o", "util.o"]) { try link($0.waitAll()) }
///     try build.spawn("main.o") { _ in try compile("main.c") }
///     try build.post("util.o", cached)
///     let program = try build.wait(for: "link")
///
/// A task may be added at any time, and may need keys that nobody has yet. It begins at once, and waits where it takes a value
/// that has not come. The pool limits dependencies, not numbers: have tasks wait for a place in a ``GreenletPool`` where that
/// matters.
///
/// - Executor: Tasks run as greenlets of the pool's loop. All methods may be called from any thread.
/// - Cancellation: A killed task's value never comes; who needs it is told. Dropping the pool leaves its tasks running.
/// - Errors: ``DependencyError`` for a key that cannot be; ``DependencyFailed`` for a value that does not come.
public final class DependencyPool<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    struct Entry {
        var value = Future<Value>.pending()
        /// Spawned or posted; else somebody needs it.
        var isKnown = false
        /// The task, while it runs.
        var task: AnyGreenlet?
        var dependencies: Set<Key> = []
    }

    struct State {
        var entries: [Key: Entry] = [:]
        var isClosed = false

        /// Who needs the key directly or not, through tasks that have not ended: the way from `start` to it.
        func path(from start: Key, to key: Key) -> [Key]? {
            var visited: Set<Key> = []
            var way: [Key] = []
            var open: [(key: Key, depth: Int)] = [(start, 0)]
            while let (next, depth) = open.popLast() {
                way.removeSubrange(depth...)
                way.append(next)
                if next == key { return way }
                guard visited.insert(next).inserted, let entry = entries[next], !entry.value.isCompleted else {
                    continue
                }
                open += entry.dependencies.map { ($0, depth + 1) }
            }
            return nil
        }
    }

    let group: GreenletGroup
    let state: Lock<State>

    /// Makes a pool.
    ///
    /// - Parameters:
    ///   - values: What is there from the beginning.
    ///   - loop: Where tasks run; by default each time the current loop, or the shared one.
    public init(_ values: [Key: Value] = [:], on loop: (any Loop)? = nil, name: String? = nil) {
        group = GreenletGroup(
            loop: loop,
            title: name.map { "dependency pool \"\($0)\"" } ?? "a pool of dependent tasks"
        )
        let entries = values.mapValues { Entry(value: .succeeded($0), isKnown: true) }
        state = Lock(State(entries: entries))
    }

    // MARK: Adding

    /// Spawns a task.
    ///
    /// - Parameters:
    ///   - key: What its result is the value of.
    ///   - dependencies: The keys of the values it is given; those that are there come first.
    ///   - body: Takes these values, as far as it needs them.
    /// - Errors: ``DependencyError`` for a key that is there, for a circle, and in a pool that was closed. What the body throws goes
    ///   to who needs the value, as ``DependencyFailed``, and is reported if nobody does.
    /// - Complexity: O(tasks that have not ended).
    @discardableResult
    public func spawn(
        _ key: Key,
        after dependencies: Set<Key> = [],
        name: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: @escaping @Sendable (DependencyResults<Key, Value>) throws -> Value
    ) throws -> Greenlet<Value> {
        let inputs = Lock<DependencyResults<Key, Value>?>(nil)
        let greenlet = Greenlet<Value>.paused(on: group.loop, name: name ?? "\(key)", fileID: fileID, line: line) {
            try body(inputs.withLock { $0.take() }!)
        }
        do {
            let futures = try add(key, dependencies, greenlet)
            inputs.withLock { $0 = DependencyResults(futures) }
        } catch {
            greenlet.kill()
            throw error
        }
        group.add(greenlet)
        _ = greenlet.observe { [self] in ended(key, greenlet, $0) }
        greenlet.start()
        return greenlet
    }

    private func add(_ key: Key, _ dependencies: Set<Key>, _ task: AnyGreenlet) throws -> [Key: Future<Value>] {
        try state.withLock { state in
            if state.isClosed { throw DependencyError(.closed, ["\(key)"]) }
            if state.entries[key]?.isKnown == true { throw DependencyError(.duplicateKey, ["\(key)"]) }
            for dependency in dependencies {
                if let way = state.path(from: dependency, to: key) {
                    throw DependencyError(.cycle, ([key] + way.dropLast()).map { "\($0)" })
                }
            }
            var entry = state.entries[key] ?? Entry()
            (entry.isKnown, entry.task, entry.dependencies) = (true, task, dependencies)
            state.entries[key] = entry
            var futures: [Key: Future<Value>] = [:]
            for dependency in dependencies {
                futures[dependency] = state.entries[dependency, default: Entry()].value
                if state.entries[dependency] == nil { state.entries[dependency] = Entry(value: futures[dependency]!) }
            }
            return futures
        }
    }

    /// The greenlet's outcome, unless it has posted a value of its own, or was killed by key.
    private func ended(_ key: Key, _ task: AnyGreenlet, _ outcome: Result<Value, any Error>) {
        let value = state.withLock { state -> Future<Value>? in
            guard state.entries[key]?.task === task else { return nil }
            state.entries[key]?.task = nil
            return state.entries[key]?.value
        }
        if let value { settle(value, key, outcome) }
    }

    private func settle(_ future: Future<Value>, _ key: Key, _ outcome: Result<Value, any Error>) {
        switch outcome {
        case .success(let value): _ = future._succeed(value)
        case .failure(let error):
            // A kill is nobody's loss.
            if error is CancellationError || error is GreenletExit { _ = future.observe { _ in } }
            _ = future._fail(DependencyFailed(key, error))
        }
    }

    /// Gives a key its value, from outside or in the task itself, whose result is dropped then.
    ///
    /// - Parameter replacing: Takes the place of a value or a failure that is there. Who was given that one keeps it.
    /// - Errors: ``DependencyError`` for a key that has a value, or whose task runs.
    public func post(_ key: Key, _ value: Value, replacing: Bool = false) throws {
        try post(key, .success(value), replacing)
    }

    /// The same with an error: who needs the value gets ``DependencyFailed``.
    public func fail(_ key: Key, _ error: any Error, replacing: Bool = false) throws {
        try post(key, .failure(error), replacing)
    }

    private func post(_ key: Key, _ outcome: Result<Value, any Error>, _ replacing: Bool) throws {
        let current = Greenlet.current
        let future = try state.withLock { state -> Future<Value> in
            var entry = state.entries[key] ?? Entry()
            let isRunning = entry.task != nil && entry.task !== current
            let isThere = entry.isKnown && entry.task == nil
            if isRunning || isThere && !replacing { throw DependencyError(.duplicateKey, ["\(key)"]) }
            if !entry.isKnown, state.isClosed { throw DependencyError(.closed, ["\(key)"]) }
            if isThere { entry.value = .pending() }
            (entry.isKnown, entry.task) = (true, nil)
            state.entries[key] = entry
            return entry.value
        }
        settle(future, key, outcome)
    }

    /// Says that no more keys come: who needs one that nobody has is told.
    public func close() {
        let missing = state.withLock { state in
            state.isClosed = true
            return state.entries.filter { !$0.value.isKnown }
        }
        for (key, entry) in missing { settle(entry.value, key, .failure(DependencyError(.unknownKey, ["\(key)"]))) }
    }

    /// Kills the task of a key: whoever needs its value is told at once. Harmless if the value is there.
    ///
    /// - Errors: ``DependencyError`` for an unknown key.
    public func kill(_ key: Key) throws {
        let (task, value) = try state.withLock { state -> (AnyGreenlet?, Future<Value>) in
            guard let entry = state.entries[key], entry.isKnown else { throw DependencyError(.unknownKey, ["\(key)"]) }
            state.entries[key]?.task = nil
            return (entry.task, entry.value)
        }
        guard let task else { return }
        settle(value, key, .failure(CancellationError()))
        task.kill()
    }
}
