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
        let resolver = Resolver(on: loop, servers: "127.0.0.1:\(port)", timeoutInMilliseconds: 400)

        func check(_ what: String, _ name: String, is expected: String...) async {
            await checks.check(what, checks.inEachStyle(resolver.addresses(of: name)), is: expected)
        }
        await check("a name with two addresses", "alpha.test", is: #"["192.0.2.1", "2001:db8::1"]"#)
        await check("a name with one", "beta.test", is: #"["192.0.2.2"]"#)
        await check("a name that does not exist", "gamma.test", is: "AresError 4: Domain name not found")
        let limited = resolver.addresses(of: "held-briefly.test").timeout(.milliseconds(50), on: loop)
        await checks.check("a shorter limit of our own", checks.inEachStyle(limited), is: ["TimedOut: "])

        // Two queries for each look-up, IPv4 and IPv6: the server has all of them when it is killed.
        let times = 5
        let outstanding = checks.inEachStyle(resolver.addresses(of: "held.test"), times: times)
        var queries = 2 * times * Style.allCases.count
        while queries > 0, let line = try await server.line() { queries -= line == "held held.test" ? 1 : 0 }
        try await server.kill()
        let timeout = "AresError 12: Timeout while contacting DNS servers"
        await checks.check("outstanding at the kill", outstanding, is: [timeout])
        await check("after the kill", "alpha.test", is: "AresError 11: Could not contact DNS servers", timeout)

        let closed = "AresError 16: Channel is being destroyed"
        let unfinished = checks.inEachStyle(resolver.addresses(of: "held.test"), times: times)
        resolver.close()
        await checks.check("outstanding at the close", unfinished, is: [closed])
        await check("after the close", "alpha.test", is: closed)

        return await checks.finish()
    }
}
