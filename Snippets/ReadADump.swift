// What a program's greenlets do: a dump of one loop, of all, and a monitor of those that hold up their loop.

import Switchyard

// snippet.monitor
/// Watches the loops of a server; `kill -USR2` shows what its greenlets do.
func makeVisible() throws -> (HubMonitor, Subscription) {
    var limits = HubMonitor.Limits()
    limits.holding = .milliseconds(100)
    limits.afterKill = .seconds(10)
    limits.memory = 2 << 30
    return (try HubMonitor.start(limits), try Signal.user2.dumpsGreenlets())
}
// snippet.end

// snippet.scopes
/// A start-up that may take its time, and a parser that may not.
func load(_ documents: [String], parse: (String) throws -> Void) throws {
    try Greenlet.exemptFromMonitor { try documents.forEach(parse) }
    try Greenlet.assertSwitches(within: .milliseconds(20)) {
        for document in documents {
            try parse(document)
            try Greenlet.yield()
        }
    }
}
// snippet.end

// snippet.hide
@main
enum ReadADump {
    static func main() async throws {
        let (monitor, signals) = try makeVisible()
        let loop = try IOLoop.onOwnThread(name: "server")
        let reply = Promise<String>("a reply")
        let server = Greenlet.spawn(on: loop, name: "server") {
            for number in 1...2 { Greenlet.spawn(name: "client \(number)") { try reply.future.wait() } }
            Greenlet.spawn { Greenlet.spawn(name: "log") { while true { try Greenlet.sleep(for: .seconds(60)) } } }
            let worker = Greenlet.spawn(name: "worker") {
                do { try reply.future.wait() } catch { try reply.future.wait() }
            }
            try Greenlet.sleep(for: .milliseconds(1_200))
            worker.kill()
            try Greenlet.sleep(for: .milliseconds(300))
            print(try Hub.dump(of: loop).wait())
            // Until the monitor has seen it.
            let start = ContinuousClock.now
            while start.duration(to: .now) < .milliseconds(400) {}
            try load([""]) { _ in }
        }
        try await server.value
        reply.succeed("done")
        signals.cancel()
        monitor.stop()
        loop.stop()
    }
}
