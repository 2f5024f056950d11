// Loops: one that the caller drives, one on a thread of its own, and an actor that lives on it.

import Switchyard

// snippet.driven
/// For a command without a loop: drives one until the work is done (Tornado: run_sync).
func onMyOwnThread() throws -> Int {
    let loop = try IOLoop(name: "mine")
    let answer = Promise<Int>()
    loop.post { _ = loop.schedule(after: .milliseconds(1)) { answer.succeed(42) } }
    return try loop.run(until: answer.future, timeout: .seconds(1))
}
// snippet.end

// snippet.actor
/// Everything of this actor happens on the loop's thread, so it may use what belongs there without a lock.
actor Counter {
    private let loop: IOLoop
    private var count = 0

    init(on loop: IOLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func increment() -> Int {
        count += 1
        return count
    }
}
// snippet.end

// snippet.hide
@main
enum UseALoop {
    static func main() throws {
        print(try onMyOwnThread())
        let counter = Counter(on: .shared)
        print(try Greenlet.spawn { try Greenlet.await { await counter.increment() } }.wait())
    }
}
