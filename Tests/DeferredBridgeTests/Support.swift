// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import ConversionTesting
import DeferredBridge
import Futures
import Synchronization

/// Sixty-four kibibytes: what a small greenlet has.
let smallStack: UInt64 = 65536

/// An error like no other: two are equal only if they are copies of one.
struct Oops: Error, Hashable, CustomStringConvertible {
    private static let counter = Atomic(0)
    let id = Oops.counter.add(1, ordering: .relaxed).newValue
    var description: String { "deferred oops \(id)." }

    /// The reports that name this error.
    var reports: ReportCollector { ReportCollector(containing: description) }
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
}

/// An object whose life can be watched.
final class Sentinel: Sendable {
    private let end: @Sendable () -> Void
    init(onDeinit end: @escaping @Sendable () -> Void) { self.end = end }
    deinit { end() }
    func touch() {}
}

extension Deferred {
    /// The result in words, to compare; `pending` while there is none.
    var words: String { DeferredBridgeTests.words(result) }

    /// Writes down what comes by.
    @discardableResult
    func record(in log: Log<String>, as name: String = "") -> Deferred {
        addBoth { result in
            log.add(name + DeferredBridgeTests.words(result))
            return try result.get()
        }
    }

    /// Ends the pipeline of a test whose failure is of no interest.
    func ignoreFailure() { _ = observe { _ in } }
}

func words<Value>(_ outcome: Result<Value, any Error>?) -> String {
    switch outcome {
    case .success(let value)?: "\(value)"
    case .failure(let error as Oops)?: "oops \(error.id)"
    case .failure(let error)?: "\(type(of: error))"
    case nil: "pending"
    }
}

extension Oops {
    var words: String { "oops \(id)" }
}

/// What awaiting the source comes to.
func awaited<Value: Sendable>(_ source: some Awaitable<Value>) async -> Result<Value, any Error> {
    do { return .success(try await source.value) } catch { return .failure(error) }
}

/// To here somebody, who could fire it, has the Deferred: optimised code releases a variable after its last use.
func keep(_ deferreds: AnyObject...) { withExtendedLifetime(deferreds) {} }

func keep(_ deferreds: [Deferred<Int>]) { withExtendedLifetime(deferreds) {} }

/// Runs the body on a plain thread with a stack of this size.
func onThread<Value: Sendable>(
    stackBytes: UInt64,
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    let promise = Promise<Value>("a test's thread")
    let future = promise.future
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
    return try await future.value
}

private final class ThreadJob: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
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
