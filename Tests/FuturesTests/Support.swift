// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import ConversionTesting
import Futures
import Synchronization
import Testing

/// An error like no other: two are equal only if they are copies of one.
struct Oops: Error, Hashable {
    private static let counter = Atomic(0)
    let id = Oops.counter.add(1, ordering: .relaxed).newValue
}

/// What happened, in order, from any thread.
final class Log<Entry: Sendable>: Sendable {
    private let entries = Lock<[Entry]>([])
    func add(_ entry: Entry) { entries.withLock { $0.append(entry) } }
    var all: [Entry] { entries.withLock { $0 } }
    var count: Int { all.count }
}

/// A value that several threads may set.
final class Box<Value: Sendable>: Sendable {
    private let storage: Lock<Value>
    init(_ value: Value) { storage = Lock(value) }
    var value: Value {
        get { storage.withLock { $0 } }
        set {
            // The old value is destroyed outside of the lock.
            var value = newValue
            storage.withLock { swap(&$0, &value) }
        }
    }
    func change(_ body: (inout Value) -> Void) { storage.withLock { body(&$0) } }
}

/// An object whose life can be watched.
final class Sentinel: Sendable {
    private let end: @Sendable () -> Void
    init(onDeinit end: @escaping @Sendable () -> Void = {}) { self.end = end }
    deinit { end() }
    func touch() {}
}

/// Keeps what would otherwise die with its last use, which in optimised builds may come before the end of its scope.
enum Keeper {
    private static let kept = Log<any Sendable>()
    static func keep(_ value: some Sendable) { kept.add(value) }
}

extension Promise {
    /// A promise that is never dropped.
    static func kept(
        _ label: String? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> Promise {
        let promise = Promise(label, fileID: fileID, line: line)
        Keeper.keep(promise)
        return promise
    }

    /// A promise that is neither dropped nor completed.
    static var endless: Promise { kept() }
}

/// Runs the body on a plain thread with a stack of this size.
func onThread<Value: Sendable>(
    stackBytes: UInt64,
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await startThread(stackBytes: stackBytes, body).value
}

/// The outcome of the body on a new plain thread.
func startThread<Value: Sendable>(
    stackBytes: UInt64 = 0,
    _ body: @escaping @Sendable () throws -> Value
) -> Future<Value> {
    let promise = Promise<Value>("a test's thread")
    let job = ThreadJob { promise.complete(with: Result { try body() }) }
    // SAFETY: balanced by the thread.
    let reference = unsafe Unmanaged.passRetained(job).toOpaque()
    let error = unsafe sy_thread_start(
        "test",
        stackBytes,
        { argument in
            // SAFETY: the reference retained above.
            let job = unsafe Unmanaged<ThreadJob>.fromOpaque(argument!).takeRetainedValue()
            job.body()
        },
        reference
    )
    precondition(error == 0, "no thread")
    return promise.future
}

private final class ThreadJob: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// Looks until the condition holds, on a plain thread.
func spin(until condition: () -> Bool) {
    let end = LoopInstant.now.advanced(by: .seconds(30))
    while !condition(), LoopInstant.now < end { sy_thread_yield() }
}

/// All reports of the process; tests run at the same time, so each looks for its own by error or label.
enum Reports {
    private static let log = Log<Report>()
    private static let installed: Void = { _ = Reporter.replace { log.add($0) } }()

    static func install() { installed }

    /// The reports made so far.
    static var all: [Report] {
        Reporter.flush()
        return log.all
    }

    static func failures(_ error: Oops) -> [Report] {
        all.filter { report in
            switch report {
            case .unobservedFailure(let reported, _, _, _), .secondaryFailure(let reported, _),
                .observerThrew(let reported):
                reported as? Oops == error
            default: false
            }
        }
    }

    static func completedTwice(_ label: String) -> [Report] {
        all.filter { if case .completedTwice(label, _, _, _) = $0 { true } else { false } }
    }
}

/// What awaiting the source comes to.
func awaited<Value: Sendable>(_ source: some Awaitable<Value>) async -> Result<Value, any Error> {
    do { return .success(try await source.value) } catch { return .failure(error) }
}

/// The outcome in words, to compare.
func words<Value>(_ outcome: Result<Value, any Error>?) -> String {
    switch outcome {
    case .success(let value)?: "\(value)"
    case .failure(let error as Oops)?: "oops \(error.id)"
    case .failure(let error)?: "\(type(of: error))"
    case nil: "pending"
    }
}

extension Future {
    var words: String { FuturesTests.words(outcome) }
}

/// Sizes for machines and sanitizers that are slow.
func scaled(_ size: Int) -> Int {
    // SAFETY: the environment is not changed by the tests.
    guard let text = unsafe getenv("SWITCHYARD_STRESS_DIVISOR"), let divisor = unsafe Int(String(cString: text)) else {
        return size
    }
    return max(1, size / max(1, divisor))
}

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension VirtualLoop {
    convenience init(_ name: String) { self.init(name: name) }

    /// Lets time pass where nothing may throw.
    func pass(_ duration: Duration) {
        do { try advance(by: duration) } catch { Issue.record(error) }
    }

    /// Runs the body as a callback of this loop, on the calling thread.
    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
        let result = Box<Value?>(nil)
        post { result.value = body() }
        _ = try? runUntilIdle()
        return result.value!
    }
}
