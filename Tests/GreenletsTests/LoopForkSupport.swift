// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if os(Linux)
import ConversionTesting
import Futures
import Glibc
import Greenlets
import Loops

/// Greenlets that are parked when a process forks: one with a timer, one without, one with a limit.
final class Sides: Sendable {
    let sleeper: Greenlet<Int>
    let waiter: Greenlet<Int>
    let limited: Greenlet<Int>
    private let parked: Counter
    private let unwound: Counter

    /// - Parameter sleep: So short only where the sleeper must wake: a busy machine may fork late.
    init(_ loop: IOLoop, sleep: Duration = .milliseconds(200)) {
        let (parked, unwound) = (Counter(), Counter())
        (self.parked, self.unwound) = (parked, unwound)
        sleeper = Greenlet.spawn(on: loop, name: "the sleeper") {
            parked.add()
            try Greenlet.sleep(for: sleep)
            return 1
        }
        waiter = Greenlet.spawn(on: loop, name: "the waiter") {
            let sentinel = Sentinel(unwound)
            defer { sentinel.use() }
            parked.add()
            return try forever.future.wait()
        }
        limited = Greenlet.spawn(on: loop, name: "the limited one") {
            parked.add()
            return try forever.future.wait(timeout: sleep)
        }
    }

    /// In a greenlet of the loop: until all have parked.
    func park() throws { while parked.value < 3 { try Greenlet.yield() } }

    /// The frames of the waiter are gone.
    var isUnwound: Bool { unwound.value == 1 }
}

/// Waits for the end, which must be `LoopForked`; outside of greenlets it must have come.
func isForked(_ greenlet: Greenlet<Int>) -> Bool {
    do { _ = try greenlet.isDead ? greenlet.outcome!.get() : greenlet.wait(timeout: .seconds(60)) } catch {
        return error is LoopForked
    }
    return false
}

func threadCount() -> Int {
    guard let directory = unsafe opendir("/proc/self/task") else { return 0 }
    defer { unsafe closedir(directory) }
    var count = 0
    while let entry = unsafe readdir(directory) { if unsafe entry.pointee.d_name.0 != 46 { count += 1 } }
    return count
}

/// A pipe that closes itself.
final class Pipe: Sendable {
    let readEnd: Int32
    let writeEnd: Int32

    init() {
        var ends: [Int32] = [0, 0]
        precondition(unsafe pipe(&ends) == 0)
        (readEnd, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    func send() {
        var byte: UInt8 = 1
        _ = unsafe write(writeEnd, &byte, 1)
    }
}
#endif
