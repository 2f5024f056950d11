// Tests of what takes time, without waiting for it.

import ConversionTesting
import Switchyard

// snippet.timeout
/// An hour's limit, tested at once.
func limitOfAnHour() throws {
    let loop = VirtualLoop()
    let never = Promise<String>()
    let limited = never.future.timeout(.seconds(3600), on: loop)
    limited.callback { outcome in print(loop.now, outcome) }  // 3600.0 s failure(TimedOut…)
    try loop.advance(by: .seconds(3599))
    precondition(!limited.isCompleted)
    try loop.advance(by: .seconds(1))
    precondition(limited.isCompleted)
}
// snippet.end

// snippet.greenlets
/// Greenlets, sleeps and timers of the loop share its clock.
func nap() throws -> LoopInstant {
    let loop = VirtualLoop()
    let start = loop.now
    let sleeper = Greenlet.spawn(on: loop) {
        try Greenlet.sleep(for: .seconds(60))
        return loop.now
    }
    let end = try loop.run(until: sleeper)
    precondition(start.duration(to: end) == .seconds(60))
    return end
}
// snippet.end

// snippet.thread
/// A test function runs in a task, where blocking is refused: `onThread` is a plain thread.
func blocking(_ page: Future<String>) async throws -> String {
    try await onThread { try page.wait() }
}
// snippet.end

// snippet.reports
/// Misuse that is no error goes to the reporter; a collector keeps what a test expects of it.
func secondCompletion() async -> Int {
    let collector = ReportCollector(containing: "twice")
    let done = Promise<Int>("twice")
    done.succeed(1)
    done.succeed(2)
    return await collector.settledReports().count
}
// snippet.end

// snippet.hide
@main
enum TestInVirtualTime {
    static func main() async throws {
        try await onThread {
            try limitOfAnHour()
            print(try nap())
        }
        print(try await blocking(Future<Void>.sleep(for: .milliseconds(1)).map { "a page" }))
        print(await secondCompletion())
    }
}
