// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

/// Who waits for whom, what comes of it, and whether it has come before the wait begins.
struct AwaitCell: Sendable, CustomTestStringConvertible {
    enum Party: String, CaseIterable, Sendable { case task, greenlet, portal }

    enum Event: String, CaseIterable, Sendable {
        case value, error
        /// Who is waited for is killed, or cancelled.
        case awaitedEnds = "awaited ends"
        /// Who waits is.
        case waiterEnds = "waiter ends"
    }

    let waiter: Party
    let awaited: Party
    let event: Event
    let isLater: Bool

    var testDescription: String { "\(waiter) waits for \(awaited): \(event.rawValue) \(isLater ? "later" : "now")" }

    static let all = Party.allCases.flatMap { waiter in
        Party.allCases.flatMap { awaited in
            Event.allCases.flatMap { event in
                [false, true].map { AwaitCell(waiter: waiter, awaited: awaited, event: event, isLater: $0) }
            }
        }
    }
}

/// A task, greenlet or portal that ends with a number.
private struct Running: Sendable {
    let result: any Awaitable<Int>
    let end: @Sendable () -> Void
    /// Named before it waits.
    let begins = Promise<Void>()
    /// What came at its wait.
    let saw = Promise<String>()

    /// - Parameter endsFirst: It is killed or cancelled before it waits, by itself.
    init(_ party: AwaitCell.Party, on loop: IOLoop, waitsFor source: any Awaitable<Int>, endsFirst: Bool = false) {
        let (begins, saw) = (begins, saw)
        @Sendable func ended(_ outcome: Result<Int, any Error>) throws -> Int {
            switch outcome {
            case .success(let value): saw.succeed("\(value)")
            case .failure(let error): saw.succeed("\(type(of: error))")
            }
            return try outcome.get()
        }
        @Sendable func cancelTask() {
            if endsFirst { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
            begins.succeed(())
        }
        switch party {
        case .task:
            // On the loop, like the others: up to its suspension it is not left.
            let task = Task(executorPreference: loop) {
                cancelTask()
                do { return try ended(.success(try await source.value)) } catch { return try ended(.failure(error)) }
            }
            (result, end) = (task, { task.cancel() })
        case .greenlet:
            let greenlet = Greenlet.spawn(on: loop) { () throws -> Int in
                if endsFirst { Greenlet.current!.kill() }
                begins.succeed(())
                return try ended(Result { try source.wait() })
            }
            (result, end) = (greenlet, { greenlet.kill() })
        case .portal:
            let task = Task {
                try await Greenlet.run(on: loop) { () throws -> Int in
                    cancelTask()
                    return try ended(Result { try source.wait() })
                }
            }
            (result, end) = (task, { task.cancel() })
        }
    }

    /// It has begun to wait: on its loop nothing of it is left to do.
    func isWaiting(on loop: IOLoop) async throws {
        try await begins.future.value
        let turn = Promise<Void>()
        loop.post { turn.succeed(()) }
        try await turn.future.value
    }

    func outcome() async -> String {
        do { return "\(try await result.value)" } catch { return "\(type(of: error))" }
    }
}

@Suite("EV4: who waits for whom")
struct AwaitMatrixTests {
    @Test("EV4: tasks, greenlets and portals wait for each other", arguments: AwaitCell.all)
    func wait(_ cell: AwaitCell) async throws {
        try await onLoop("first loop") { (first) async throws in
            try await onLoop("second loop") { (second) async throws in
                try await check(cell, first, first)
                try await check(cell, first, second)
            }
        }
    }

    private func check(_ cell: AwaitCell, _ here: IOLoop, _ there: IOLoop) async throws {
        let gate = Promise<Int>()
        let watching = gate.future.observe { _ in }
        let awaited = Running(cell.awaited, on: there, waitsFor: gate.future)
        try await awaited.isWaiting(on: there)
        func happen() {
            switch cell.event {
            case .value: gate.succeed(7)
            case .error: gate.fail(Oops(number: 7))
            case .awaitedEnds: awaited.end()
            case .waiterEnds: break
            }
        }
        let isEarly = !cell.isLater && cell.event != .waiterEnds
        if isEarly {
            happen()
            _ = await awaited.outcome()
        }
        let waiter = Running(
            cell.waiter,
            on: here,
            waitsFor: awaited.result,
            endsFirst: cell.event == .waiterEnds && !cell.isLater
        )
        if cell.isLater {
            try await waiter.isWaiting(on: here)
            if cell.event == .waiterEnds { waiter.end() } else { happen() }
        }
        let saw = try await waiter.saw.future.value
        switch cell.event {
        case .value: #expect(saw == "7")
        case .error: #expect(saw == "Oops")
        case .awaitedEnds: #expect(saw == "CancellationError")
        case .waiterEnds: #expect(saw == (cell.waiter == .greenlet ? "GreenletExit" : "CancellationError"))
        }
        // Outside, who was killed was cancelled.
        #expect(await waiter.outcome() == (saw == "GreenletExit" ? "CancellationError" : saw))
        if cell.event == .waiterEnds {
            // A greenlet that nobody else waits for is killed; a task belongs to who has its handle.
            if cell.awaited == .greenlet {
                #expect(try await awaited.saw.future.value == "GreenletExit")
            } else {
                gate.succeed(8)
                #expect(try await awaited.saw.future.value == "8")
            }
        }
        _ = await awaited.outcome()
        watching.withdraw()
        gate.tryComplete(.success(0))
    }

    @Test("EV4: killing a greenlet that several wait for, of all kinds and on two loops, is a cancellation to each")
    func several() async throws {
        try await onLoop("first loop") { (first) async throws in
            try await onLoop("second loop") { (second) async throws in
                let greenlet = Greenlet.spawn(on: first) { try forever.future.wait() }
                let waiters = AwaitCell.Party.allCases.flatMap { party in
                    [Running(party, on: first, waitsFor: greenlet), Running(party, on: second, waitsFor: greenlet)]
                }
                for waiter in waiters {
                    try await waiter.isWaiting(on: first)
                    try await waiter.isWaiting(on: second)
                }
                greenlet.kill()
                for waiter in waiters { #expect(await waiter.outcome() == "CancellationError") }
            }
        }
    }

    @Test("EV4: a greenlet that is waited for in the wrong place is left alone, and the error names the place")
    func wrongPlace() async throws {
        try await onLoop("the wrong loop") { wrong in
            try await onLoop { (loop) async throws in
                let gate = Promise<Int>()
                let greenlet = Greenlet.spawn(on: loop) { try gate.future.wait() }
                func inTask() -> String { text { _ = try greenlet.wait() } }
                #expect(inTask().contains("Greenlet.run"))
                let onLoop = Promise<String>()
                wrong.post { onLoop.succeed(text { _ = try greenlet.wait() }) }
                #expect(try await onLoop.future.value.contains("the wrong loop"))
                let inObserver = Promise<String>()
                Greenlet.spawn(on: wrong) {
                    let source = Promise<Void>()
                    _ = source.future.observe { _ in inObserver.succeed(text { _ = try greenlet.wait() }) }
                    source.succeed(())
                }
                #expect(try await inObserver.future.value.contains("an observer of"))
                gate.succeed(5)
                #expect(try await greenlet.value == 5)
            }
        }
    }
}
