// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ExampleSupport
import Foundation
import Switchyard

/// Look-ups in every style, through a server that knows some names, is silent about others, and is killed midway.
@main
enum CAresExample {
    static func main() async {
        let isServer = CommandLine.arguments.dropFirst() == ["serve"]
        do { exit(isServer ? try await DNSServer.serve() : try await run()) } catch {
            print("WRONG: \(error)")
            exit(1)
        }
    }

    private static func run() async throws -> Int32 {
        let loop = try IOLoop.onOwnThread(name: "c-ares")
        let checks = Checks("c-ares, driven by \(loop)", on: loop, limit: .seconds(30))
        let server = try ServerProcess(on: loop)
        let port = try await server.line() ?? "no port"
        func resolver(on loop: IOLoop, timeoutInMilliseconds: Int32) -> Resolver {
            Resolver(on: loop, servers: "127.0.0.1:\(port)", timeoutInMilliseconds: timeoutInMilliseconds)
        }
        func check(_ what: String, _ call: Call<[String]>, is expected: String...) async {
            await checks.check(what, checks.inEachStyle(call), is: expected)
        }

        // On a busy machine an answer may take its time.
        let patient = resolver(on: loop, timeoutInMilliseconds: 10_000)
        let addresses = #"["192.0.2.1", "2001:db8::1"]"#
        await check("a name with two addresses", patient.addresses(of: "alpha.test"), is: addresses)
        await check("a name with one", patient.addresses(of: "beta.test"), is: #"["192.0.2.2"]"#)
        let missing = "AresError 4: Domain name not found"
        await check("a name that does not exist", patient.addresses(of: "gamma.test"), is: missing)
        let limited = patient.addresses(of: "held-briefly.test").timeout(.milliseconds(50), on: loop)
        await check("a limit of our own", limited, is: "TimedOut: ")

        let times = 5
        let closed = "AresError 16: Channel is being destroyed"
        let unfinished = checks.inEachStyle(patient.addresses(of: "held-at-the-close.test"), times: times)
        patient.close()
        await checks.check("outstanding at the close", unfinished, is: [closed])
        await check("after the close", patient.addresses(of: "alpha.test"), is: closed)

        let stopping = try IOLoop.onOwnThread(name: "stopping")
        let stopped = resolver(on: stopping, timeoutInMilliseconds: 10_000).addresses(of: "held-at-the-stop.test")
        let abandoned = checks.inEachStyle(stopped, times: times)
        stopping.stop()
        await checks.check("outstanding at the loop's stop", abandoned, is: [closed, "LoopClosed: "])

        // Two queries for each look-up, IPv4 and IPv6: the server has all of them when it is killed.
        let hasty = resolver(on: loop, timeoutInMilliseconds: 400)
        let outstanding = checks.inEachStyle(hasty.addresses(of: "held-at-the-kill.test"), times: times)
        var queries = 2 * times * Style.allCases.count
        while queries > 0, let line = try await server.line() {
            queries -= line == "held held-at-the-kill.test" ? 1 : 0
        }
        try await server.kill()
        let timeout = "AresError 12: Timeout while contacting DNS servers"
        await checks.check("outstanding at the kill", outstanding, is: [timeout])
        // Whether the system's word that nobody listens reaches c-ares depends on which of its queries is sent when.
        let refused = "AresError 11: Could not contact DNS servers"
        await check("after the kill", hasty.addresses(of: "alpha.test"), is: refused, timeout)

        return await checks.finish()
    }
}
