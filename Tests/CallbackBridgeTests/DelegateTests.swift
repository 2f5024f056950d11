// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CallbackBridge
import ConversionTesting
import Futures
import Testing

/// A delegate protocol as there are many: progress, and three ways to end.
private protocol ScannerDelegate: AnyObject, Sendable {
    func scanner(_ scanner: Scanner, didScanPage number: Int)
    func scanner(_ scanner: Scanner, didFinishWith document: String)
    func scanner(_ scanner: Scanner, didFailWith error: any Error)
    func scannerDidCancel(_ scanner: Scanner)
}

/// Refers to its delegate weakly, or strongly.
private final class Scanner: Sendable {
    private struct State {
        weak var weakDelegate: (any ScannerDelegate)?
        var delegate: (any ScannerDelegate)?
        var wasStopped = false
    }

    private let state: Lock<State>

    init(delegate: any ScannerDelegate, keeping: Bool = false) {
        state = Lock(State(weakDelegate: delegate, delegate: keeping ? delegate : nil))
    }

    var delegate: (any ScannerDelegate)? { state.withLock { $0.weakDelegate } }
    var wasStopped: Bool { state.withLock { $0.wasStopped } }
    func stop() { state.withLock { $0.wasStopped = true } }
    func forgetDelegate() {
        let old = state.withLock { $0.delegate.take() }
        _ = consume old
    }
}

private final class Delegate: ScannerDelegate {
    let done: DelegatePromise<String>
    let progress: @Sendable (Int) -> Void

    init(
        _ done: DelegatePromise<String>,
        on executor: (any CallbackExecutor)? = nil,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.done = done
        self.progress = done.repeated(on: executor, fileID: "mark/progress", line: 1, progress)
    }

    func scanner(_ scanner: Scanner, didScanPage number: Int) { progress(number) }
    func scanner(_ scanner: Scanner, didFinishWith document: String) {
        done.succeed(document, fileID: "mark/finished", line: 1)
    }
    func scanner(_ scanner: Scanner, didFailWith error: any Error) { done.fail(error, fileID: "mark/failed", line: 1) }
    func scannerDidCancel(_ scanner: Scanner) { done.cancel(fileID: "mark/cancelled", line: 1) }
}

/// Looks at the scanner without keeping it.
private final class Watch: Sendable {
    private struct State {
        weak var scanner: Scanner?
    }
    private let state = Lock(State())
    var scanner: Scanner? { state.withLock { $0.scanner } }
    func watch(_ scanner: Scanner) { state.withLock { $0.scanner = scanner } }
}

private func scan(
    _ watch: Watch,
    on executor: (any CallbackExecutor)? = nil,
    keptBy owner: DelegateOwner = .run,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
) -> Call<String> {
    Call(on: executor, delegate: { Delegate($0, on: executor, progress: progress) }, keptBy: owner) { delegate in
        let scanner = Scanner(delegate: delegate, keeping: owner == .source)
        watch.watch(scanner)
        return scanner
    } cancel: { scanner in
        scanner.stop()
    }
}

@Suite struct DelegateTests {
    @Test("CB16: each method that ends the operation completes it once, and a later one is absorbed and reported")
    func firstArrivalDecides() async throws {
        let reports = ReportCollector { report in
            ["mark/finished:1;", "mark/failed:1;", "mark/cancelled:1;"].contains {
                "\(report)".contains("second time at \($0)")
            }
        }
        let watch = Watch()
        for (index, ending) in ["page", "error", "cancelled"].enumerated() {
            let future = scan(watch).future()
            future.callback { _ in }
            let scanner = try #require(watch.scanner)
            let delegate = try #require(scanner.delegate)
            let endings: [() -> Void] = [
                { delegate.scanner(scanner, didFinishWith: "page") },
                { delegate.scanner(scanner, didFailWith: LegacyError()) },
                { delegate.scannerDidCancel(scanner) },
            ]
            endings[index]()
            for call in endings { call() }
            switch future.outcome {
            case .success(let page)?: #expect(page == ending)
            case .failure(let error)?: #expect((error is CancellationError ? "cancelled" : "error") == ending)
            case nil: Issue.record("pending after \(ending)")
            }
        }
        #expect(await reports.settledReports().count == 9)
    }

    @Test("CB17: delegate and source live until the outcome, though nobody else keeps them")
    func keptUntilOutcome() throws {
        let watch = Watch()
        let future = scan(watch).future()
        do {
            let scanner = try #require(watch.scanner)
            #expect(scanner.delegate != nil)
            scanner.delegate?.scanner(scanner, didFinishWith: "page")
        }
        #expect(future.isCompleted)
        #expect(watch.scanner == nil)
    }

    @Test("CB17: a cancellation stops the source, then lets go of delegate and source")
    func releasedByCancellation() throws {
        let watch = Watch()
        let future = scan(watch).future()
        do {
            let scanner = try #require(watch.scanner)
            #expect(future.cancel() == .stopped)
            #expect(scanner.wasStopped)
            #expect(scanner.delegate == nil)
        }
        #expect(watch.scanner == nil)
    }

    @Test("CB17: a source that ends the operation while it starts is not kept")
    func endedInsideStart() async throws {
        let watch = Watch()
        let call = Call<String>(delegate: { Delegate($0) }) { delegate in
            let scanner = Scanner(delegate: delegate, keeping: true)
            watch.watch(scanner)
            delegate.scanner(scanner, didFinishWith: "document")
            return scanner
        }
        #expect(try await call.value == "document")
        #expect(watch.scanner == nil)
    }

    @Test("CB17: a start that fails is the outcome, and lets go of the delegate")
    func failedStart() async {
        let watch = Recorder<WeakDelegate>()
        let call = Call<String>(delegate: { Delegate($0) }) { delegate -> Scanner in
            watch.record(WeakDelegate(delegate))
            throw LegacyError()
        }
        await #expect(throws: LegacyError()) { try await call.value }
        #expect(watch.items[0].delegate == nil)
    }

    @Test("CB4, CB17: a delegate that its source throws away, or that goes with its source, is a BrokenPromise")
    func thrownAway() async throws {
        let kept = Recorder<Scanner>()
        let thrownAway = Call<String>(delegate: { Delegate($0) }, keptBy: .source) { delegate in
            let scanner = Scanner(delegate: delegate, keeping: true)
            kept.record(scanner)
            return scanner
        }.future()
        #expect(!thrownAway.isCompleted)
        kept.items[0].forgetDelegate()
        try #require(thrownAway.isCompleted)
        await #expect(throws: BrokenPromise.self) { try await thrownAway.value }
        await #expect(throws: BrokenPromise.self) { try await scan(Watch(), keptBy: .source).value }
    }

    @Test("CB18: progress goes to its handler, in order and before the outcome on one executor")
    func progress() throws {
        let (loop, order, watch) = (VirtualLoop(), OrderRecorder(), Watch())
        scan(watch, on: loop) { order.record("page \($0)") }.callback { order.record((try? $0.get()) ?? "error") }
        let scanner = try #require(watch.scanner)
        let delegate = try #require(scanner.delegate)
        delegate.scanner(scanner, didScanPage: 1)
        delegate.scanner(scanner, didScanPage: 2)
        delegate.scanner(scanner, didFinishWith: "document")
        #expect(order.entries.isEmpty)
        try loop.runUntilIdle()
        #expect(order.entries == ["page 1", "page 2", "document"])
    }

    @Test("CB18: progress after the outcome is absorbed and reported")
    func progressAfterOutcome() async throws {
        let reports = ReportCollector(containing: "handler was made at mark/progress:1")
        let pages = Recorder<Int>()
        let delegate = Delegate(DelegatePromise()) { pages.record($0) }
        delegate.progress(1)
        delegate.done.succeed("document")
        delegate.progress(2)
        #expect(pages.items == [1])
        #expect(await reports.settledReports().count == 1)
    }

    @Test("CB18: progress after a cancellation is absorbed in silence, also what is on its way")
    func progressAfterCancellation() async {
        let reports = ReportCollector(containing: "handler was made at mark/silent:1")
        let (executor, pages) = (ManualExecutor(), Recorder<Int>())
        let done = DelegatePromise<String>()
        let progress: @Sendable (Int) -> Void = done.repeated(on: executor, fileID: "mark/silent", line: 1) {
            pages.record($0)
        }
        progress(1)
        #expect(done.future.cancel() == .stopped)
        progress(2)
        executor.runAll()
        #expect(pages.items.isEmpty)
        #expect(await reports.settledReports().isEmpty)
    }
}

private final class WeakDelegate: Sendable {
    private struct State {
        weak var delegate: Delegate?
    }
    private let state: Lock<State>
    init(_ delegate: Delegate) { state = Lock(State(delegate: delegate)) }
    var delegate: Delegate? { state.withLock { $0.delegate } }
}
