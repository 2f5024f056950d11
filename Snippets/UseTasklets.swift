// Tasklets: greenlets whose order their peers decide, on one thread, for programs in the manner of Stackless Python.

import Switchyard

// snippet.channels
/// A stage that takes numbers and sends on what is no multiple of its own: the sieve of Eratosthenes.
func primes(_ count: Int) throws -> [Int] {
    try TaskletScheduler.run {
        var source = Channel<Int>("numbers")
        try Tasklet { [source] in
            var number = 2
            while true {
                try source.send(number).wait()
                number += 1
            }
        }
        var primes: [Int] = []
        while primes.count < count {
            let (input, output) = (source, Channel<Int>())
            let prime = try input.receive().wait()
            primes.append(prime)
            try Tasklet(name: "multiples of \(prime)") {
                while true {
                    let number = try input.receive().wait()
                    if number % prime != 0 { try output.send(number).wait() }
                }
            }
            source = output
        }
        return primes  // who is still blocked then is killed, and unwinds
    }
}
// snippet.end

// snippet.queue
/// Who runs when, said by name.
func takeTurns(_ say: @escaping @Sendable (String) -> Void) throws {
    try TaskletScheduler.run {
        let waiter = try Tasklet {
            let answer = try TaskletScheduler.scheduleRemove("nothing")  // leaves the queue
            say("the waiter was given \(answer)")
        }
        try TaskletScheduler.run()  // until nobody is scheduled
        let first = try Tasklet.bind { say("first") }  // paused
        try Tasklet { say("second") }
        try first.run()  // jumps the queue
        waiter.tempval = "an answer"
        try waiter.insert()
    }
}
// snippet.end

// snippet.traps
/// In a test: this must be answered without waiting.
func isCached(_ page: Future<String>) throws -> Bool {
    do {
        try Greenlet.forbiddingBlocks { _ = try page.wait() }
        return true
    } catch is SwitchForbidden { return false }
}
// snippet.end

// snippet.hide
@main
enum UseTasklets {
    static func main() async throws {
        let thread = WorkerPool(name: "tasklets", size: 1)
        print(try await thread.submit { try primes(10) }.value)
        try await thread.submit { try takeTurns { print($0) } }.value
        let pending = Promise<String>()
        print(try await Greenlet.spawn { [page = pending.future] in try isCached(page) }.value)
        pending.succeed("here")
    }
}
