// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ExampleSupport
import Foundation
import Switchyard

/// Commands in every style, to a server that is killed midway: HiredisExample SOCKET PROCESS-ID.
@main
enum HiredisExample {
    static func main() async {
        guard CommandLine.arguments.count == 3, let server = pid_t(CommandLine.arguments[2]) else {
            print("usage: HiredisExample SOCKET PROCESS-ID-OF-THE-SERVER")
            exit(2)
        }
        // hiredis writes to a connection that the server may have closed.
        signal(SIGPIPE, SIG_IGN)
        do { exit(try await run(CommandLine.arguments[1], server)) } catch {
            print("WRONG: \(error)")
            exit(1)
        }
    }

    private static func run(_ path: String, _ server: pid_t) async throws -> Int32 {
        let loop = try IOLoop.onOwnThread(name: "hiredis")
        let checks = Checks("hiredis, driven by \(loop)", on: loop, limit: .seconds(30))
        let redis = try Redis(path, on: loop)
        func check(_ what: String, _ call: Call<Reply>, times: Int = 1, is expected: String) async {
            await checks.check(what, checks.inEachStyle(call, times: times), is: [expected])
        }

        await check("a word", redis.command("SET", "greeting", "hello, world"), is: "OK")
        await check("a text", redis.command("GET", "greeting"), is: "hello, world")
        await check("a list", redis.command("MGET", "greeting", "nothing"), is: "[hello, world, (null)]")
        await check("many numbers", redis.command("STRLEN", "greeting"), times: 100, is: "12")
        await check(
            "an error",
            redis.command("INCR", "greeting"),
            is: "RedisError.refused: ERR value is not an integer"
        )

        let waiting = try Redis(path, on: loop)
        let limited = waiting.command("BLPOP", "nothing", "0").timeout(.milliseconds(50), on: loop)
        await check("a limit of our own", limited, is: "TimedOut: ")
        let times = 5
        let unfinished = checks.inEachStyle(waiting.command("BLPOP", "nothing", "0"), times: times)
        waiting.close()
        await checks.check("outstanding at the close", unfinished, is: ["RedisError.closed"])
        await check("after the close", waiting.command("PING"), is: "RedisError.closed")

        let stopping = try IOLoop.onOwnThread(name: "stopping")
        let stopped = try Redis(path, on: stopping).command("BLPOP", "nothing", "0")
        let abandoned = checks.inEachStyle(stopped, times: times)
        stopping.stop()
        await checks.check("outstanding at the loop's stop", abandoned, is: ["RedisError.closed", "LoopClosed: "])

        // Redis works at one command of a connection at a time: the first of the shared one, and that of each other.
        let shared = try Redis(path, on: loop)
        let inLine = checks.inEachStyle(shared.command("BLPOP", "nothing", "0"), times: times)
        let alone = checks.inEachStyle(
            Call(from: { try Redis(path, on: loop).command("BLPOP", "nothing", "0") }),
            times: times
        )
        let state = "blocked_clients:\(1 + times * Style.allCases.count)\r\n"
        while try await !redis.command("INFO", "clients").value.description.contains(state) {}
        kill(server, SIGKILL)
        await checks.check("in line at the kill", inLine, is: ["RedisError.lost: "])
        await checks.check("at work at the kill", alone, is: ["RedisError.lost: "])
        await check("after the kill", shared.command("PING"), is: "RedisError.lost: ")
        let late = Call(from: { try Redis(path, on: loop).command("PING") })
        await check("a connection after the kill", late, is: "RedisError.lost: ")

        return await checks.finish()
    }
}
