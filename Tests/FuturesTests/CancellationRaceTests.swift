// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import ConversionTesting
import Futures
import Synchronization
import Testing

/// Has threads go through the same list, meeting before each entry, and one of them a little later each time.
private func meet<Entry: Sendable>(at entries: [Entry], _ bodies: [@Sendable (Entry) -> Void]) async throws {
    let arrivals = Arrivals()
    _ = try await Future.all(
        bodies.enumerated().map { place, body in
            startThread {
                for (index, entry) in entries.enumerated() {
                    arrivals.wait(for: (index + 1) * bodies.count)
                    if place == index / 64 % bodies.count { for _ in 0..<index % 64 { arrivals.look() } }
                    body(entry)
                }
            }
        }
    ).value
}

private final class Arrivals: Sendable {
    private let count = Atomic(0)

    func wait(for all: Int) {
        count.add(1, ordering: .acquiringAndReleasing)
        var looks = 0
        while count.load(ordering: .acquiring) < all {
            looks += 1
            // There may be fewer processors than threads.
            if looks % 256 == 0 { sy_thread_yield() }
        }
    }

    func look() { _ = count.load(ordering: .acquiring) }
}

@Suite struct CancellationRaceTests {
    init() { Reports.install() }

    @Test("F5, F9: a derived future that several threads cancel at once leaves its source to the others")
    func derivedCancelledByMany() async throws {
        struct Entry: Sendable {
            let source = Promise<Int>.kept()
            let derived: Future<Int>
            let answers = Log<CancellationAnswer>()
            init() {
                _ = source.future.observe { _ in }
                derived = source.future.map { $0 }
            }
        }
        let entries = (0..<scaled(20_000)).map { _ in Entry() }
        let cancel = { @Sendable (entry: Entry) in entry.answers.add(entry.derived.cancel()) }
        try await meet(at: entries, [cancel, cancel, cancel])
        #expect(entries.count { $0.source.future.isCompleted } == 0)
        #expect(entries.allSatisfy { $0.derived.isCancelled })
        #expect(entries.allSatisfy { $0.answers.all == [.stopped, .stopped, .stopped] })
    }

    @Test("F5: who joins a future while its last consumer leaves either keeps it or finds that it is being cancelled")
    func joiningWhileTheLastLeaves() async throws {
        final class Entry: Sendable {
            let promise = Promise<Int>.kept()
            let registration: Registration
            let isLooking = Box(false)
            init() {
                let future = promise.future
                registration = future.observe { _ in }
            }
        }
        let surprised = Box(0)
        let entries = (0..<scaled(20_000)).map { _ in Entry() }
        try await meet(
            at: entries,
            [
                { $0.registration.cancel() },
                { entry in
                    _ = entry.promise.future.map { $0 }.observe { _ in }
                    entry.isLooking.value = true
                    entry.promise.onCancel(answering: {
                        if !entry.isLooking.value { surprised.increment() }
                        return .tooLate
                    })
                    entry.isLooking.value = false
                },
            ]
        )
        #expect(surprised.value == 0)
    }

    @Test("T1: a value that meets a cancellation in the act is delivered or disposed of, and nobody's mistake")
    func completionMeetsCancellation() async throws {
        struct Entry: Sendable {
            let promise = Promise<Int>("meets a cancellation")
            let future: Future<Int>
            let delivered = Box(0)
            init() {
                future = promise.future
                promise.onDispose { [delivered] _ in delivered.increment() }
                _ = future.observe { [delivered] outcome in if case .success = outcome { delivered.increment() } }
            }
        }
        let entries = (0..<scaled(20_000)).map { _ in Entry() }
        try await meet(at: entries, [{ $0.future.cancel() }, { $0.promise.succeed(1) }])
        #expect(entries.count { $0.delivered.value != 1 } == 0)
        #expect(Reports.completedTwice("meets a cancellation").count == 0)
    }

    @Test("F1: an observer never runs on the stack that drops a promise, also when somebody cancels at that moment")
    func dropMeetsCancellation() async throws {
        struct Entry: Sendable {
            let promise = Box<Promise<Int>?>(Promise())
            let future: Future<Int>
            let thread = Box<UInt64>(0)
            init() {
                future = promise.value!.future
                _ = future.observe { [thread] _ in thread.value = sy_thread_number() }
            }
        }
        let dropper = Box<UInt64>(0)
        let entries = (0..<scaled(20_000)).map { _ in Entry() }
        try await meet(
            at: entries,
            [
                { entry in
                    dropper.value = sy_thread_number()
                    entry.promise.value = nil
                },
                { $0.future.cancel() },
            ]
        )
        #expect(await eventually { entries.allSatisfy { $0.thread.value != 0 } })
        #expect(entries.count { $0.thread.value == dropper.value } == 0)
    }
}
