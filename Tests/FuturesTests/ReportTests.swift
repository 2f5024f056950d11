// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct ReportTests {
    init() { Reports.install() }

    @Test(
        "F6, C5, K5, B2: a failure that nobody observed is reported once, when the last reference goes, with its place"
    )
    func unobserved() {
        let error = Oops()
        var promise: Promise<Int>? = Promise("F6")
        let line = #line - 1
        var future = promise?.future
        promise?.fail(error)
        promise = nil
        #expect(Reports.failures(error).isEmpty)
        _ = future?.outcome
        future = nil
        let reports = Reports.failures(error)
        #expect(reports.count == 1)
        #expect(reports.first?.description.contains("\"F6\"") == true)
        #if DEBUG
        #expect(reports.first?.description.contains("ReportTests.swift:\(line)") == true)
        #expect(reports.first?.description.contains("failed at") == true)
        #else
        #expect(line > 0)
        #endif
    }

    @Test("F6: reports and errors that quote an error are sentences with one period, whoever wrote the error")
    func sentences() {
        struct Words: Error, CustomStringConvertible { let description: String }
        for (text, sentence) in [
            ("it broke", "it broke."), ("It broke. Mend it.", "It broke. Mend it."), ("what?", "what?"),
        ] {
            let error = Words(description: text)
            let texts = [
                "\(Report.unobservedFailure(error: error, label: nil, created: nil, completed: nil))",
                "\(Report.secondaryFailure(error: error, combinator: "Future.all"))", "\(Report.observerThrew(error))",
            ]
            for text in texts { #expect(text.contains("\(sentence) ") && text.hasSuffix(".") && !text.contains("..")) }
        }
        let errors: [any Error] = [Words(description: "It broke."), Words(description: "lost")]
        let promises = errors.map { Future<Int>.failed($0) }
        guard case .failure(let all)? = Future.any(promises).outcome else { return #expect(Bool(false)) }
        #expect("\(all)".hasSuffix(": It broke; lost."))
    }

    @Test("F6: any number of reports, and of timers looked at, costs the same: the way to the sink does not grow")
    func manyReports() async {
        await #expect(processExitsWith: .success) {
            let count = Box(0)
            Reporter.replace { _ in count.change { $0 += 1 } }
            for _ in 0..<200_000 { Reporter.report(.message("one of many")) }
            Reporter.flush()
            precondition(count.value == 200_000)
        }
    }

    @Test(
        "F6: observed means handed on: to a callback, a wait, an await, a derived future or an adopter, early or late"
    )
    func handedOn() async {
        let error = Oops()
        for isLate in [false, true] {
            let uses: [@Sendable (Future<Int>) async -> Void] = [
                { $0.callback { _ in } }, { _ = $0.recover { _ in 0 } },
                { source in
                    let promise = Promise<Int>()
                    promise.complete(from: source)
                    _ = promise.future.recover { _ in 0 }
                },
                { _ = Future.allSettled([$0]) },
                { source in if isLate { _ = try? await source.value } else { source.callback { _ in } } },
                { source in if isLate { try? waitHere(for: source) } else { source.callback { _ in } } },
            ]
            for use in uses {
                let promise = Promise<Int>()
                if isLate { promise.fail(error) }
                await use(promise.future)
                promise.tryComplete(.failure(error))
            }
        }
        #expect(Reports.failures(error).isEmpty)
    }

    @Test("F6: a derived future inherits the duty to report, and only the last of a chain does")
    func duty() {
        let error = Oops()
        do {
            let promise = Promise<Int>()
            _ = promise.future.map { $0 }.map { $0 }
            promise.fail(error)
        }
        #expect(Reports.failures(error).count == 1)
    }

    @Test("C5: a cancellation is not reported, and neither is a failure that answers one")
    func cancellations() {
        let error = Oops()
        do {
            let promise = Promise<Int>("C5 cancelled")
            promise.future.cancel()
            let refusing = Promise<Int>()
            refusing.onCancel(answering: { .tooLate })
            refusing.future.cancel()
            refusing.fail(error)
        }
        #expect(Reports.failures(error).isEmpty)
        #expect(!Reports.all.contains { "\($0)".contains("C5 cancelled") })
    }

    @Test("K5, B2: a failure whose only observer has left is reported")
    func observerLeft() {
        let errors = (0..<3).map { _ in Oops() }
        do {
            let promises = errors.map { _ in Promise<Int>() }
            promises[0].future.observe { _ in }.withdraw()
            let nodes = [promises[1].future.observe { _ in }, promises[1].future.observe { _ in }]
            for node in nodes { node.withdraw() }
            _ = promises[2].future.observe { _ in }
            promises[2].future.observe { _ in }.withdraw()
            for (promise, error) in zip(promises, errors) { promise.fail(error) }
        }
        #expect(errors.map { Reports.failures($0).count } == [1, 1, 0])
    }

    @Test("K5: a failure that comes after its waiter timed out is reported, as the original error")
    func waiterTimedOut() async throws {
        let error = Oops()
        try await onThread {
            let promise = Promise<Int>()
            _ = try? promise.future.wait(timeout: .zero)
            promise.fail(error)
        }
        #expect(Reports.failures(error).count == 1)
    }

    @Test("B2, T6: a join reports the failures that are not its outcome, once for each future")
    func secondaryFailures() {
        for policy in [FailurePolicy.early, .afterAll] {
            let errors = (0..<3).map { _ in Oops() }
            let promises = errors.map { _ in Promise<Int>() }
            let futures = promises.map(\.future)
            let joined = Future.all([futures[0], futures[1], futures[0], futures[2], futures[1]], failing: policy)
            for (promise, error) in zip(promises, errors) { promise.fail(error) }
            #expect(joined.words == words(Result<Int, any Error>.failure(errors[0])))
            _ = joined.observe { _ in }
            #expect(errors.map { Reports.failures($0).count } == [0, 1, 1])
        }
    }

    @Test("B2: a failure after a shield's caller was cancelled is reported")
    func shieldedFailure() {
        let error = Oops()
        let promise = Promise<Int>()
        promise.future.shielded.cancel()
        promise.fail(error)
        #expect(Reports.failures(error).count == 1)
    }

    @Test("K9: a sink that causes a report itself does not recurse, and a slow one holds up nobody who reports")
    func sinkThatReports() async throws {
        // On a thread: other tests wait for the drain in tasks, and this one stops the drain for a moment.
        let seen = try await onThread { () -> [String] in
            let seen = Log<String>()
            let (inner, outer) = (Oops(), Oops())
            let gate = Box(false)
            let old = Box<(@Sendable (Report) -> Void)?>(nil)
            old.value = Reporter.replace { report in
                if case .unobservedFailure(let error as Oops, _, _, _) = report, error == outer || error == inner {
                    seen.add(error == outer ? "outer" : "inner")
                    spin { gate.value }
                    _ = Future<Int>.failed(inner)
                } else {
                    old.value?(report)
                }
            }
            _ = Future<Int>.failed(outer)
            spin { seen.count == 1 }
            _ = Future<Int>.failed(outer)
            let held = seen.count
            gate.value = true
            Reporter.flush()
            Reporter.flush()
            Reporter.replace(with: old.value!)
            return seen.all + ["\(held)"]
        }
        #expect(seen == ["outer", "outer", "1"])
    }

    // MARK: Broken promises

    @Test("B5: a promise that is dropped fails its future with BrokenPromise, naming where it was made")
    func brokenPromise() async {
        let future = {
            let promise = Promise<Int>("thrown away")
            return promise.future
        }()
        Drain.shared.flush()
        guard case .failure(let error as BrokenPromise)? = future.outcome else {
            Issue.record("\(future)")
            return
        }
        #expect(error.description.contains("thrown away"))
        #if DEBUG
        #expect(error.origin.contains("ReportTests.swift"))
        #endif
        _ = future.observe { _ in }
    }

    @Test("B5: the derived future of a dropped promise is broken too, though nobody held the first")
    func brokenDerived() async {
        let derived = {
            let promise = Promise<Int>()
            return promise.future.map { $0 }
        }()
        #expect(await eventually { derived.isCompleted })
        #expect(derived.words == "BrokenPromise")
        _ = derived.observe { _ in }
    }

    @Test("F6: a promise dropped while nobody else holds or observes its future is silent")
    func silentDrop() {
        do {
            _ = Promise<Int>("silent one")
            let left = Promise<Int>("silent two")
            withExtendedLifetime(left) { _ = left.future.observe { _ in }.withdraw() }
        }
        #expect(!Reports.all.contains { "\($0)".contains("silent ") })
    }

    @Test("F1, B6: observers of a dropped promise run on the drain, so one may use the collection it was dropped from")
    func droppedFromADictionary() async throws {
        let result = try await onThread { () -> String in
            let holder = Holder()
            let seen = Log<String>()
            func fill() {
                let promise = Promise<Int>()
                _ = promise.future.observe { outcome in
                    seen.add("\(holder.promises.count) \(words(outcome)) \(Drain.shared.isCurrent)")
                }
                holder.promises["key"] = promise
            }
            fill()
            // The dictionary is under exclusive access while it destroys the promise.
            holder.promises["key"] = nil
            spin { seen.count == 1 }
            return seen.all.joined()
        }
        #expect(result == "0 BrokenPromise true")
    }

    @Test("F2: one who observes a broken promise's future while its observers wait for the drain comes after them")
    func orderOnTheDrain() async {
        let gate = Box(false)
        let log = Log<String>()
        Drain.shared.post { spin { gate.value } }
        let future = {
            let promise = Promise<Int>()
            _ = promise.future.observe { _ in log.add("A") }
            return promise.future
        }()
        _ = future.observe { _ in log.add("B") }
        gate.value = true
        #expect(await eventually { log.count == 2 })
        #expect(log.all == ["A", "B"])
    }

    /// Below a synchronous frame the compiler does not see that a task waits; what is complete may be waited for there.
    private func waitHere(for future: Future<Int>) throws { try future.wait() }

    // SAFETY: the test reads and writes at different times.
    private final class Holder: @unchecked Sendable {
        var promises: [String: Promise<Int>] = [:]
    }
}
