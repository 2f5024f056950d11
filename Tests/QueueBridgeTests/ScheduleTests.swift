// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import QueueBridge
import Testing

@Suite("Every schedule") struct ScheduleTests {
    /// Tries every order with at most two deviations from first come, first served, with one thing done at each step.
    private func explore(_ pipe: @escaping @Sendable () -> Pipe) throws -> (count: Int, faults: [String]) {
        var count = 0
        var faults: [String] = []
        func attempt(_ deviations: [Int: Int], _ injection: (Injection, Int, Int)?) throws -> [Int] {
            let run = ScheduledRun(pipe())
            let choices = try run.run(deviations: deviations, injection: injection.map { ($0.0, $0.1, $0.2) })
            count += 1
            if let fault = try run.finish() {
                faults.append("\(fault); deviations \(deviations), injection \(String(describing: injection))")
            }
            return choices
        }
        let length = try attempt([:], nil).count
        let injections = Injection.allCases.flatMap { what in
            (0...length).flatMap { step in (0..<(what == .close ? 1 : 4)).map { (what, step, $0) } }
        }
        // Under a sanitizer one in so many is looked at, with all its orders.
        for (number, injected) in injections.enumerated() where number % max(1, scaledInverse / 2) == 0 {
            let base = try attempt([:], injected)
            for first in base.indices {
                for choice in 1..<max(1, base[first]) {
                    let one = try attempt([first: choice], injected)
                    for second in one.indices where second > first {
                        for other in 1..<max(1, one[second]) {
                            _ = try attempt([first: choice, second: other], injected)
                        }
                    }
                }
            }
        }
        return (count, faults)
    }

    @Test(
        "T24, V22, QB5: no order of two producers and two consumers, whatever happens to one of them, loses or doubles",
        .timeLimit(.minutes(10))
    )
    func everySchedule() async throws {
        let (queue, channel) = try await onThread { (try explore(Pipe.queue), try explore(Pipe.channel)) }
        print("schedules: \(queue.count) of a queue, \(channel.count) of a channel")
        #expect(queue.faults.prefix(3) == [])
        #expect(channel.faults.prefix(3) == [])
        #expect(queue.count >= scaled(10_000) && channel.count >= scaled(10_000))
    }
}
