// Queues: between any two styles of code, bounded, one of several, and as the end of a delivery.

import Switchyard

// snippet.styles
/// Async code puts, a greenlet takes: each waits in its own way, and a full queue holds the producer back.
func sumOfSquares(upTo count: Int) async throws -> Int {
    let squares = try Queue<Int>("squares", capacity: 4)
    let sum = Greenlet.spawn { () throws -> Int in
        var sum = 0
        while let square = try squares.waitNext() { sum += square }  // nil once it is closed and empty
        return sum
    }
    for n in 1...count { try await squares.put(n * n).value }
    squares.close()
    return try await sum.value
}
// snippet.end

// snippet.select
/// Does the first of several things that can be done, and no other.
func nextStep(_ jobs: Queue<String>, _ stop: Channel<Void>) throws -> String {
    try select(
        .get(jobs) { job in "run \(job)" },
        .receive(stop) { _ in "stop" }
    ).wait(timeout: .seconds(5))
}
// snippet.end

// snippet.deliver
/// Outcomes of several sources in one queue, each with its source's key, in the order they come.
func firstToAnswer(_ pages: [String: Call<String>]) async throws -> String {
    let answers = Queue<Completion<String, String>>()
    for (name, page) in pages { page.deliver(to: answers, key: name) }
    return try await answers.get().value.key
}
// snippet.end

// snippet.permits
/// So many at once, whatever style they are written in; a permit goes back also when the body throws.
func limited(_ slots: Semaphore, _ page: Call<String>) async throws -> String {
    try await slots.withPermit { try await page.value }
}
// snippet.end

// snippet.hide
@main
enum UseAQueue {
    static func main() async throws {
        print(try await sumOfSquares(upTo: 10))
        let (jobs, stop) = (Queue<String>(), Channel<Void>())
        _ = try jobs.tryPut("one")
        print(try await Greenlet.spawn { try nextStep(jobs, stop) }.value)
        print(try await firstToAnswer(["a": Call { $0.succeed("here") }]))
        print(try await limited(Semaphore(2), Call { $0.succeed("a page") }))
    }
}
