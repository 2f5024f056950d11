// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Testing

private func describe(_ result: Result<DeferredListResult<Int>, any Error>?) -> String {
    switch result {
    case .success(.all(let all))?: all.map { words($0) }.joined(separator: ", ")
    case .success(.first(let value, let index))?: "\(value) at \(index)"
    case .failure(let error as FirstError)?: "FirstError at \(error.index)"
    case .failure(let error)?: "\(type(of: error))"
    case nil: "pending"
    }
}

@Suite struct JoinTests {
    // MARK: D12

    @Test("D12: a list has every outcome, in the order of the inputs")
    func listOrder() throws {
        let oops = Oops()
        let inputs = [Deferred<Int>(), Deferred<Int>(), Deferred<Int>()]
        let list = Deferred.list(inputs, consumeErrors: true)
        try inputs[2].callback(3)
        try inputs[0].callback(1)
        #expect(describe(list.result) == "pending")
        try inputs[1].errback(oops)
        #expect(describe(list.result) == "1, \(oops.words), 3")
    }

    @Test("D12: the flags: the first value with its place; the first error as FirstError with its place")
    func listFlags() throws {
        let inputs = [Deferred<Int>(), Deferred<Int>(), Deferred<Int>()]
        let value = Deferred.list(inputs, fireOnOneCallback: true)
        let error = Deferred.list(inputs, fireOnOneErrback: true, consumeErrors: true)
        try inputs[1].callback(5)
        #expect(describe(value.result) == "5 at 1")
        #expect(describe(error.result) == "pending")
        try inputs[2].errback(Oops())
        #expect(describe(error.result) == "FirstError at 2")
        error.ignoreFailure()
        keep(inputs)
    }

    @Test(
        "D12: consumeErrors keeps the inputs' failures from being reported, without it they are; the inputs keep them"
    )
    func consumeErrors() async throws {
        for consumes in [true, false] {
            let oops = Oops()
            let reports = oops.reports
            do {
                let input = Deferred<Int>.fail(oops)
                let list = Deferred.list([input], consumeErrors: consumes)
                #expect(describe(list.result) == oops.words)
                #expect(input.words == oops.words)
            }
            #expect(await reports.settledReports().count == (consumes ? 0 : 1))
        }
    }

    @Test(
        "D12: an empty list fires at once; waiting for a first value of nothing is EmptyInput, where Twisted never fires"
    )
    func emptyList() {
        #expect(describe(Deferred.list([Deferred<Int>]()).result) == "")
        let first = Deferred.list([Deferred<Int>](), fireOnOneCallback: true)
        #expect(describe(first.result) == "EmptyInput")
        first.ignoreFailure()
    }

    @Test("D12: cancelling cancels every input while the list is unfired, also if a canceller throws")
    func cancelList() throws {
        let oops = Oops()
        let reports = oops.reports
        let calls = Log<Int>()
        let inputs = (0..<3).map { index in
            Deferred<Int> { _ in
                calls.add(index)
                if index == 0 { throw oops }
            }
        }
        let list = Deferred.list(inputs, consumeErrors: true)
        list.cancel()
        #expect(calls.all == [0, 1, 2])
        #expect(describe(list.result) == "CancellationError, CancellationError, CancellationError")
        #expect(reports.settled().count == 1)

        let late = [Deferred<Int> { _ in calls.add(9) }, Deferred<Int>.succeed(1)]
        Deferred.list(late, fireOnOneCallback: true).cancel()
        #expect(calls.count == 3)
        keep(inputs + late)
    }

    @Test("D12: a cancellation reaches an input that has fired and waits for an inner Deferred; Twisted's does not")
    func cancelWaitingInput() {
        let calls = Log<Int>()
        let inner = Deferred<Int> { _ in calls.add(1) }
        let input = Deferred<Int>.succeed(0).addCallback { _ in inner }
        let list = Deferred.list([input], consumeErrors: true)
        list.cancel()
        #expect(calls.count == 1)
        #expect(describe(list.result) == "CancellationError")
        keep(inner, input)
    }

    @Test("D12, D10: an input that is dropped unfired is an outcome of the list")
    func droppedInput() async {
        let list = Deferred.list([Deferred<Int>()])
        #expect(await eventually { describe(list.result) == "BrokenPromise" })
    }

    // MARK: D13

    @Test("D13: gatherResults has all values in order, or the first error")
    func gather() throws {
        let inputs = [Deferred<Int>(), Deferred<Int>()]
        let all = Deferred.gatherResults(inputs)
        try inputs[1].callback(2)
        try inputs[0].callback(1)
        #expect(all.words == "[1, 2]")
        #expect(Deferred.gatherResults([Deferred<Int>]()).words == "[]")

        let oops = Oops()
        let failing = Deferred.gatherResults([Deferred<Int>(), .fail(oops)], consumeErrors: true)
        let error = #expect(throws: FirstError.self) { try failing.result?.get() }
        #expect(error?.error as? Oops == oops && error?.index == 1)
        failing.ignoreFailure()
    }

    @Test("D13: cancelling gatherResults cancels every input, and ends cancelled")
    func cancelGather() {
        let calls = Log<Int>()
        let inputs = (0..<3).map { index in Deferred<Int> { _ in calls.add(index) } }
        let all = Deferred.gatherResults(inputs, consumeErrors: true)
        all.cancel()
        #expect(calls.all == [0, 1, 2])
        #expect(all.words == "CancellationError")
        keep(inputs)
    }

    // MARK: D14

    @Test("D14: a race has the first value and its place, errors do not decide it, and each loser is cancelled once")
    func race() throws {
        let calls = Log<Int>()
        let inputs = (0..<4).map { index in Deferred<Int> { _ in calls.add(index) } }
        let race = Deferred.race(inputs)
        try inputs[3].errback(Oops())
        #expect(race.result == nil)
        try inputs[1].callback(7)
        let winner = try #require(try race.result?.get())
        #expect(winner == (1, 7))
        #expect(calls.all == [0, 2])
        keep(inputs)
    }

    @Test("D14: what losers come to is silent, and a loser's canceller may fire")
    func losers() async throws {
        let oops = Oops()
        let reports = oops.reports
        do {
            let fires = Deferred<Int> { try $0.callback(9) }
            let fails = Deferred<Int> { try $0.errback(oops) }
            let late = Deferred<Int>()
            let race = Deferred.race([fires, fails, late, .succeed(1)])
            #expect(try race.result?.get().index == 3)
            try late.errback(oops)
        }
        #expect(await reports.settledReports().isEmpty)
    }

    @Test("D14: if all fail, the group has the errors in the order of the inputs")
    func allFail() throws {
        let (one, two) = (Oops(), Oops())
        let inputs = [Deferred<Int>(), Deferred<Int>()]
        let race = Deferred.race(inputs)
        try inputs[1].errback(two)
        try inputs[0].errback(one)
        let group = #expect(throws: FailureGroup.self) { try race.result?.get() }
        #expect(group?.errors as? [Oops] == [one, two])
        race.ignoreFailure()
    }

    @Test("D14: cancelling the race cancels every input, and ends cancelled")
    func cancelRace() {
        let calls = Log<Int>()
        let inputs = (0..<3).map { index in Deferred<Int> { _ in calls.add(index) } }
        let race = Deferred.race(inputs)
        race.cancel()
        #expect(calls.all == [0, 1, 2])
        #expect(words(race.result) == "CancellationError")
        keep(inputs)
    }

    @Test("D14: a race of nothing is EmptyInput; Twisted's never fires")
    func emptyRace() {
        let race = Deferred.race([Deferred<Int>]())
        let error = #expect(throws: EmptyInput.self) { try race.result?.get() }
        #expect(error?.description.hasPrefix("EmptyInput: Deferred.race of no inputs") == true)
        race.ignoreFailure()
    }
}
