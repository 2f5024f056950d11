// Tasklets: greenlets that order themselves, on the thread that calls.

import Switchyard

// snippet.run
func producerAndConsumer() throws -> [Int] {
    try TaskletScheduler.run {
        let numbers = Channel<Int>("numbers")
        try Tasklet(name: "producer") {  // queued at once
            for number in 1...3 { try numbers.send(number).wait() }
            numbers.close()
        }
        var received: [Int] = []
        while let number = try numbers.waitNext() { received.append(number) }
        return received
    }
}
// snippet.end

// snippet.queue
func takesTurns() throws {
    try TaskletScheduler.run {
        let paused = try Tasklet.bind { print("second") }
        try Tasklet {
            print("first")
            try paused.insert()  // to the end of the queue
            try TaskletScheduler.schedule()  // and behind it
            print("third")
        }
        try TaskletScheduler.run()  // until nobody is scheduled
    }
}
// snippet.end

// snippet.trap
func answersWithoutWaiting(_ page: Future<String>) throws -> String {
    try Greenlet.forbiddingBlocks { try page.wait() }  // throws SwitchForbidden if it would have to wait
}
// snippet.end

// snippet.hide
@main
enum UseTasklets {
    static func main() throws {
        print(try producerAndConsumer())
        try takesTurns()
        print(try Greenlet.spawn { try answersWithoutWaiting(.succeeded("there")) }.wait())
    }
}
