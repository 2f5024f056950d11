// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import QueueBridge
import Testing

@Suite("Tasklets and channels") struct TaskletChannelTests {
    @Test("S2, S6: tasklets meet in channels; run returns while one is blocked there")
    func rendezvous() async throws {
        let log = Log<String>()
        let sum = try await onThread {
            try TaskletScheduler.run { () throws -> Int in
                let numbers = Channel<Int>()
                let receiver = try Tasklet { () throws -> Int in
                    try (1...3).reduce(0) { sum, _ in
                        let number = try numbers.receive().wait()
                        log.add("got \(number)")
                        return sum + number
                    }
                }
                try TaskletScheduler.run()
                #expect(try receiver.state == .blocked && numbers.balance == -1)
                try Tasklet {
                    for n in 1...3 {
                        try numbers.send(n).wait()
                        log.add("sent \(n)")
                    }
                }
                try TaskletScheduler.run()
                return try receiver.wait()
            }
        }
        #expect(sum == 6)
        #expect(log.all == ["got 1", "sent 1", "got 2", "sent 2", "got 3", "sent 3"])
    }

    @Test("S5: a kill of a tasklet that waits on a channel takes it out of the line, and loses nothing")
    func killing() async throws {
        try await onThread {
            try TaskletScheduler.run {
                let channel = Channel<Int>()
                let (killed, other) = (
                    try Tasklet { try channel.receive().wait() }, try Tasklet { try channel.receive().wait() }
                )
                try TaskletScheduler.run()
                #expect(channel.balance == -2)
                try killed.kill()
                #expect(!killed.isAlive && channel.balance == -1)
                try channel.send(5).wait()
                #expect(try other.wait() == 5)
            }
        }
    }

    @Test("S4, S9: a channel connects the tasklets of two threads")
    func acrossThreads() async throws {
        let (there, back) = (Channel<Int>(), Channel<Int>())
        async let echo: Void = onThread {
            try TaskletScheduler.run {
                for _ in 0..<100 { try back.send(there.receive().wait() * 2).wait() }
            }
        }
        let sum = try await onThread {
            try TaskletScheduler.run { () throws -> Int in
                try (0..<100).reduce(0) { sum, n in
                    try there.send(n).wait()
                    return try sum + back.receive().wait()
                }
            }
        }
        #expect(sum == 9_900)
        try await echo
    }

    @Test("S9: where blocking is forbidden a channel operation that would wait throws, and leaves the line")
    func forbiddenBlock() async throws {
        let loop = VirtualLoop()
        let channel = Channel<Int>("guarded")
        let greenlet = Greenlet.spawn(on: loop) {
            let forbidden = #expect(throws: SwitchForbidden.self) {
                try Greenlet.forbiddingBlocks { _ = try channel.receive().wait() }
            }
            #expect(forbidden?.operation.contains("guarded") == true)
            #expect(throws: SwitchForbidden.self) { try Greenlet.forbiddingBlocks { try channel.send(1).wait() } }
            #expect(channel.balance == 0)
        }
        try await onThread { try loop.runUntilIdle() }
        #expect(greenlet.isDead)
        try await greenlet.value
    }

    @Test("S9: where switching is forbidden two still meet in a channel, nobody else runs, and the scope's end tells")
    func forbiddenSwitch() async throws {
        let loop = VirtualLoop()
        let channel = Channel<Int>()
        let log = Log<String>()
        let receiver = Greenlet.spawn(on: loop) { log.add("received \(try channel.receive().wait())") }
        let sender = Greenlet.spawn(on: loop) {
            let forbidden = #expect(throws: SwitchForbidden.self) {
                try Greenlet.forbiddingSwitches {
                    try channel.send(3).wait()
                    log.add("still here")
                }
            }
            #expect(forbidden?.scope == .switches)
        }
        try await onThread { try loop.runUntilIdle() }
        #expect(log.all == ["still here", "received 3"])
        try await receiver.value
        try await sender.value
    }
}
